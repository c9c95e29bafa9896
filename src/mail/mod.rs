//! What threads say to one another: closed enums, and the mailboxes they travel in. Nobody shares state; everybody sends mail.
