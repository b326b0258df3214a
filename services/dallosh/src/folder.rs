//! The data folder: one process at a time, and a name for the worker that stays the same over restarts.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use dallosh_primitives::Uid;

/// The folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It can't be made, read or written.
    #[error("the data folder {} can't be used", .folder.display())]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process works on it.
    #[error("another dallosh process works on the data folder {}; stop it, or choose another one with --data-dir", .0.display())]
    Taken(PathBuf),
}

/// Holds the folder for as long as it lives; the kernel lets go when the process dies, however it dies.
pub struct DataFolder {
    _locks: Vec<File>,
    /// Names this instance in leases.
    pub instance: String,
}

impl DataFolder {
    /// Takes the folder for all services, or for one: two different services may share it.
    ///
    /// # Errors
    /// When it can't be used, or another process has it.
    pub fn take(folder: &Path, service: Option<&str>) -> Result<Self, FolderError> {
        let unusable = |source| FolderError::Unusable { folder: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(unusable)?;
        let open = |name: &str| {
            OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(name)).map_err(unusable)
        };
        let taken = |error| match error {
            TryLockError::WouldBlock => FolderError::Taken(folder.to_owned()),
            TryLockError::Error(source) => unusable(source),
        };
        let all = open("lock")?;
        let mut locks = Vec::new();
        match service {
            None => all.try_lock().map_err(taken)?,
            Some(service) => {
                all.try_lock_shared().map_err(taken)?;
                let own = open(&format!("lock-{service}"))?;
                own.try_lock().map_err(taken)?;
                locks.push(own);
            }
        }
        locks.push(all);
        let instance = instance(folder, service.unwrap_or("up")).map_err(unusable)?;
        Ok(Self { _locks: locks, instance })
    }
}

/// The name of this instance, made once.
fn instance(folder: &Path, service: &str) -> io::Result<String> {
    let path = folder.join(format!("instance-{service}"));
    match fs::read_to_string(&path) {
        Ok(name) if !name.trim().is_empty() => Ok(name.trim().to_owned()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => {
            let name = Uid::new().to_string();
            fs::write(&path, &name)?;
            Ok(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_processes_or_one_of_each_services() {
        let folder = tempfile::tempdir().unwrap();
        let up = DataFolder::take(folder.path(), None).unwrap();
        assert!(matches!(DataFolder::take(folder.path(), None), Err(FolderError::Taken(_))));
        assert!(matches!(DataFolder::take(folder.path(), Some("tasks")), Err(FolderError::Taken(_))));
        drop(up);
        let tasks = DataFolder::take(folder.path(), Some("tasks")).unwrap();
        let _files = DataFolder::take(folder.path(), Some("files")).unwrap();
        assert!(matches!(DataFolder::take(folder.path(), Some("tasks")), Err(FolderError::Taken(_))));
        assert!(matches!(DataFolder::take(folder.path(), None), Err(FolderError::Taken(_))));
        drop(tasks);
    }

    #[test]
    fn an_instance_keeps_its_name_over_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let name = DataFolder::take(folder.path(), None).unwrap().instance;
        assert_eq!(DataFolder::take(folder.path(), None).unwrap().instance, name);
    }
}
