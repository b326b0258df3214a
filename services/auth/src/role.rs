use std::collections::BTreeSet;

use dallosh_contracts::Permission;

/// The longest name, in characters.
const LONGEST_NAME: usize = 50;

/// The role that allows everything; always there.
pub const ADMIN: &str = "admin";
/// The role of those who register; made at the first start.
pub const ANALYST: &str = "analyst";

/// What its users may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name; no two roles share one.
    pub name: String,
    /// What it allows.
    pub permissions: BTreeSet<Permission>,
}

impl Role {
    /// The role `admin`.
    pub fn admin() -> Self {
        Self { name: ADMIN.to_owned(), permissions: Permission::ALL.into() }
    }

    /// The role `analyst`, as it is made.
    pub fn analyst() -> Self {
        let permissions = [
            Permission::ViewOverview,
            Permission::ManageDatasets,
            Permission::ReadDatasets,
            Permission::ManageTasks,
            Permission::ReadTasks,
        ];
        Self { name: ANALYST.to_owned(), permissions: permissions.into() }
    }

    /// What is left of a role that is gone: its users may do nothing until they get another one.
    pub fn gone() -> Self {
        Self { name: String::new(), permissions: BTreeSet::new() }
    }
}

/// A name without the blanks around it; none when it is empty, too long or holds control characters.
pub fn role_name(text: &str) -> Option<String> {
    let name = text.trim();
    let fits = (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned())
}
