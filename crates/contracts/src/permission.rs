use serde::{Deserialize, Serialize};

/// What a role allows. Every route names the ones it needs.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Make, change, disable and delete users and roles.
    ManageUsers,
    /// Upload, change and delete datasets.
    ManageDatasets,
    /// Make, control and delete tasks.
    ManageTasks,
    /// Settings, models and logs; and the data of every user.
    ManageApp,
    /// The platform's numbers.
    ViewOverview,
    /// Read users and roles.
    ReadUsers,
    /// Read datasets.
    ReadDatasets,
    /// Read tasks.
    ReadTasks,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ManageUsers,
        Self::ManageDatasets,
        Self::ManageTasks,
        Self::ManageApp,
        Self::ViewOverview,
        Self::ReadUsers,
        Self::ReadDatasets,
        Self::ReadTasks,
    ];

    /// What it allows, for people.
    pub const fn description(self) -> &'static str {
        match self {
            Self::ManageUsers => "Make, change, disable and delete users and roles.",
            Self::ManageDatasets => "Upload, change and delete datasets.",
            Self::ManageTasks => "Make, control and delete tasks.",
            Self::ManageApp => "Settings, models and logs; and the data of every user.",
            Self::ViewOverview => "The platform's numbers.",
            Self::ReadUsers => "Read users and roles.",
            Self::ReadDatasets => "Read datasets.",
            Self::ReadTasks => "Read tasks.",
        }
    }

    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ManageUsers => "manage_users",
            Self::ManageDatasets => "manage_datasets",
            Self::ManageTasks => "manage_tasks",
            Self::ManageApp => "manage_app",
            Self::ViewOverview => "view_overview",
            Self::ReadUsers => "read_users",
            Self::ReadDatasets => "read_datasets",
            Self::ReadTasks => "read_tasks",
        }
    }
}
