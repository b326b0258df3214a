//! Named points in the code at which a test makes the process fail: it is killed, panics, hangs, or a call returns an
//! error. Nobody who does not ask for it pays more than the load of one atomic.
//!
//! Own code, because the well-known crate blocks the threads of an executor while it sleeps.

mod plan;

use std::{
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::plan::Action;
pub use crate::plan::{InvalidPlan, Plan};

/// The point returned an error because its plan says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the failpoint {} failed as it was told", .0.as_str())]
pub struct Injected(pub Failpoint);

impl From<Injected> for std::io::Error {
    fn from(injected: Injected) -> Self {
        Self::other(injected)
    }
}

macro_rules! failpoints {
    ($($(#[$doc:meta])* $point:ident = $name:literal,)*) => {
        /// Where the process can be made to fail.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Failpoint {
            $($(#[$doc])* $point,)*
        }

        impl Failpoint {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$point,)*];

            /// The name in a plan.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)*
                }
            }
        }
    };
}

failpoints! {
    /// A worker is about to claim a job.
    ClaimPre = "claim.pre",
    /// The claim is written, nothing of the job is begun.
    ClaimPost = "claim.post",
    /// The rows that can't be read are written under a temporary name.
    ReadPreRename = "read.pre_rename",
    /// The cleaned rows are written under a temporary name.
    CleanPreRename = "clean.pre_rename",
    /// The cleaned rows are in place, the checkpoint does not know of them.
    CleanPostRename = "clean.post_rename",
    /// A page is about to be asked.
    PagePreLlm = "page.pre_llm",
    /// A page is answered, nothing of it is stored.
    PagePostLlm = "page.post_llm",
    /// A page is stored, nothing counts it.
    PagePostInsert = "page.post_insert",
    /// The joined rows are written under a temporary name.
    AppendMid = "append.mid",
    /// The result is in place, the document does not know of it.
    SavePostPut = "save.post_put",
    /// `done` is written, nobody was told.
    DonePostCas = "done.post_cas",
    /// An event is published, it still counts as unpublished.
    OutboxPostPublish = "outbox.post_publish",
    /// A message is handled, the broker does not know.
    AckPre = "ack.pre",
    /// A worker is about to renew its lease.
    LeaseRenew = "lease.renew",
    /// A command is written, nobody was told.
    CtlPostCas = "ctl.post_cas",
    /// A new master key is in place, nothing is sealed with it.
    RotatePostKey = "rotate.post_key",
    /// A secret is sealed with the present master key, others are not.
    RotatePostSeal = "rotate.post_seal",
}

static ARMED: AtomicBool = AtomicBool::new(false);
static PLAN: RwLock<Plan> = RwLock::new(Plan::none());
/// How often each point was passed since the plan was armed.
static PASSED: [AtomicU64; Failpoint::ALL.len()] = [const { AtomicU64::new(0) }; Failpoint::ALL.len()];

/// Makes the points of this process fail as the plan says, from now on; an empty plan ends it.
pub fn arm(plan: Plan) {
    let is_armed = !plan.is_empty();
    if is_armed {
        tracing::warn!(%plan, "failpoints are armed: this process is made to fail");
    }
    let mut armed = PLAN.write().unwrap_or_else(PoisonError::into_inner);
    *armed = plan;
    for count in &PASSED {
        count.store(0, Ordering::Relaxed);
    }
    ARMED.store(is_armed, Ordering::Relaxed);
}

impl Failpoint {
    /// Passes the point; without a plan for it nothing happens.
    ///
    /// # Errors
    /// When the plan says so.
    pub async fn pass(self) -> Result<(), Injected> {
        match self.due() {
            None => Ok(()),
            Some(Action::Sleep(time)) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            Some(Action::Pause) => std::future::pending().await,
            Some(action) => self.act(action),
        }
    }

    /// Passes the point on a thread that may block.
    ///
    /// # Errors
    /// When the plan says so.
    pub fn pass_blocking(self) -> Result<(), Injected> {
        match self.due() {
            None => Ok(()),
            Some(Action::Sleep(time)) => {
                std::thread::sleep(time);
                Ok(())
            }
            Some(Action::Pause) => loop {
                std::thread::sleep(Duration::from_secs(1));
            },
            Some(action) => self.act(action),
        }
    }

    fn due(self) -> Option<Action> {
        if !ARMED.load(Ordering::Relaxed) {
            return None;
        }
        let plan = PLAN.read().unwrap_or_else(PoisonError::into_inner);
        let (_, passed) = Self::ALL.iter().zip(&PASSED).find(|(point, _)| **point == self)?;
        plan.action(self, passed.fetch_add(1, Ordering::Relaxed).saturating_add(1))
    }

    fn act(self, action: Action) -> Result<(), Injected> {
        match action {
            Action::Kill => {
                // It can't be caught; should it not come to us at once, nothing more is done here.
                let _ = kill(Pid::this(), Signal::SIGKILL);
                loop {
                    std::thread::park();
                }
            }
            #[expect(clippy::panic, reason = "a panic is what was asked for")]
            Action::Panic => panic!("{}", Injected(self)),
            Action::Err => Err(Injected(self)),
            Action::Sleep(_) | Action::Pause => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test: the plan belongs to the whole process.
    #[tokio::test(start_paused = true)]
    async fn a_point_does_what_the_armed_plan_says_and_nothing_else() {
        let point = Failpoint::PagePostLlm;
        assert_eq!(point.pass().await, Ok(()), "nothing is armed");

        arm("page.post_llm=err@2; claim.pre=panic; lease.renew=pause; ack.pre=sleep(5000)".parse().unwrap());
        assert_eq!(point.pass().await, Ok(()), "the first time");
        assert_eq!(point.pass().await, Err(Injected(point)), "the second time");
        assert_eq!(point.pass_blocking(), Ok(()), "the third time");
        assert_eq!(Failpoint::SavePostPut.pass().await, Ok(()), "it is not in the plan");

        let before = tokio::time::Instant::now();
        assert_eq!(Failpoint::AckPre.pass().await, Ok(()));
        assert_eq!(before.elapsed(), Duration::from_secs(5));

        let paused = tokio::time::timeout(Duration::from_secs(3600), Failpoint::LeaseRenew.pass()).await;
        assert!(paused.is_err(), "a pause ends");

        let panicked = tokio::spawn(Failpoint::ClaimPre.pass()).await;
        assert!(panicked.is_err_and(|error| error.is_panic()));

        arm(Plan::none());
        assert_eq!(Failpoint::ClaimPre.pass().await, Ok(()), "the plan was taken away");
    }
}
