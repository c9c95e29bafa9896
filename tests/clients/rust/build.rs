//! The versions of the crates, from Cargo.lock, for `run NAME version`.

fn main() {
    println!("cargo::rerun-if-changed=Cargo.lock");
    let lock = std::fs::read_to_string("Cargo.lock").expect("Cargo.lock beside this file");
    for (variable, name) in [("RDKAFKA", "rdkafka"), ("RSKAFKA", "rskafka")] {
        let package = lock.split("[[package]]").find(|p| p.contains(&format!("name = \"{name}\"\n"))).expect("a locked version");
        let version = package.split("version = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a version");
        println!("cargo::rustc-env={variable}={version}");
    }
}
