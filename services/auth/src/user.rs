use std::fmt;

use chrono::{DateTime, Utc};
use dallosh_primitives::Uid;
use secrecy::SecretString;

/// The longest address that mail servers take.
const LONGEST_EMAIL: usize = 254;
/// The longest name, in characters.
const LONGEST_NAME: usize = 100;

/// An account.
#[derive(Debug, Clone)]
pub struct User {
    /// The address by which the user signs in; no two accounts share one.
    pub email: Email,
    /// What to call the user.
    pub name: Option<String>,
    /// The role, from which the permissions come.
    pub role: Uid,
    /// The hash of the password, with its parameters.
    pub password_hash: SecretString,
    /// When the password was set.
    pub password_changed_at: DateTime<Utc>,
    /// The password is known to others. A warning in answers, not a lock.
    pub must_change_password: bool,
    /// The user can't sign in, and is signed out everywhere.
    pub disabled: bool,
    /// When it was asked whether this administrator may go, while that is not decided; see `workflow::departure`.
    pub leaving_since: Option<DateTime<Utc>>,
    /// When the user got another role, or a change ended their sessions: access tokens from before may be wrong.
    pub revoked_at: Option<DateTime<Utc>>,
    /// How often the user got another role.
    pub assignment: i64,
    /// Grows with each change that ends the user's sessions; a session is of one generation.
    pub generation: i64,
}

impl User {
    /// A new, enabled account.
    pub fn new(email: Email, name: Option<String>, role: Uid, password_hash: SecretString, now: DateTime<Utc>) -> Self {
        Self {
            email,
            name,
            role,
            password_hash,
            password_changed_at: now,
            must_change_password: false,
            disabled: false,
            leaving_since: None,
            revoked_at: None,
            assignment: 0,
            generation: 1,
        }
    }

    /// Sets another password; every session of the user ends by it.
    pub fn change_password(&mut self, password_hash: SecretString, now: DateTime<Utc>) {
        self.password_hash = password_hash;
        self.password_changed_at = now;
        self.must_change_password = false;
        self.sign_out(now);
    }

    /// Ends every session of the user.
    pub fn sign_out(&mut self, now: DateTime<Utc>) {
        self.generation += 1;
        self.revoked_at = Some(now);
    }

    /// Gives the user a role.
    pub fn assign(&mut self, role: Uid, now: DateTime<Utc>) {
        if role != self.role {
            self.role = role;
            self.assignment += 1;
            self.revoked_at = Some(now);
        }
    }

    /// Keeps the user from signing in, and signs them out; or lets them sign in again.
    pub fn set_disabled(&mut self, disabled: bool, now: DateTime<Utc>) {
        if disabled && !self.disabled {
            self.sign_out(now);
        }
        self.disabled = disabled;
    }
}

/// A name without the blanks around it; none when it is empty, too long or holds control characters.
pub fn display_name(text: &str) -> Option<String> {
    let name = text.trim();
    let fits = (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned())
}

/// An e-mail address in lower case, without the blanks around it: one spelling for one account.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads an address; none when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let (local, domain) = text.rsplit_once('@')?;
        let fits = text.len() <= LONGEST_EMAIL
            && (1..=64).contains(&local.len())
            && !local.chars().any(|c| c.is_whitespace() || c.is_control() || "@,;:<>()[]\\\"".contains(c))
            && domain.split('.').all(is_label);
        fits.then_some(Self(text))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Email {
    /// Addresses stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|c| c.is_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        let email = Email::parse(" Admin@Free.com ").unwrap();
        assert_eq!(email.as_str(), "admin@free.com");
        assert_eq!(Email::parse(email.as_str()), Some(email));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "@", "ann", "ann@", "@x.com", "a b@x.com", "a@b@x.com", "a@x..com", "a@-x.com", "a\u{0}@x.com"]
        {
            assert_eq!(Email::parse(text), None, "{text:?}");
        }
        assert_eq!(Email::parse(&format!("a@{}.com", "x".repeat(250))), None);
    }

    #[test]
    fn an_address_stays_out_of_debug_output() {
        let user = User::new(Email::parse("ann@x.com").unwrap(), None, Uid::new(), "hash".into(), Utc::now());
        let shown = format!("{user:?}");
        assert!(!shown.contains("ann") && !shown.contains("hash\""), "{shown}");
    }

    #[test]
    fn a_name_is_trimmed_and_holds_no_control_characters() {
        assert_eq!(display_name(" Ann Lee ").as_deref(), Some("Ann Lee"));
        for text in ["", "  ", "a\u{0}b", "a\nb", &"x".repeat(101)] {
            assert_eq!(display_name(text), None, "{text:?}");
        }
    }
}
