/// A variable that the surroundings of the tests set.
#[expect(clippy::disallowed_methods, reason = "tests have no configuration but their surroundings")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
