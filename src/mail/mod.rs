//! What threads say to one another: closed enums, and the mailboxes they travel in. Nobody shares state; everybody sends mail.

pub mod channel;
pub mod cold;
pub mod followers;
pub mod input;
pub mod mailbox;
pub mod output;
pub mod view;
