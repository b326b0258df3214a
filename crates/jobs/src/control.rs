use serde::{Deserialize, Serialize};

/// Claims without a step or a page in between, after which a job is given up.
pub const MOST_STALLS: u32 = 3;

/// Where a job is. `Running` says nothing about which step: that is [`Control::step`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Made, not started.
    Added,
    /// Waits for a worker.
    InQueue,
    /// A worker has it, or had it and lost it.
    Running,
    /// Nothing runs until somebody resumes it.
    Paused,
    /// Ended by somebody.
    Stopped,
    /// Ended by an error.
    OnError,
    /// Finished.
    Done,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Added, Self::InQueue, Self::Running, Self::Paused, Self::Stopped, Self::OnError, Self::Done];

    /// Those of a job that waits or is at work.
    pub const ACTIVE: [Self; 3] = [Self::InQueue, Self::Running, Self::Paused];

    /// Whether nothing happens any more by itself or by a worker.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Stopped | Self::OnError | Self::Done)
    }

    /// The word in documents and queries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::InQueue => "in_queue",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::OnError => "on_error",
            Self::Done => "done",
        }
    }
}

/// What the worker that has the job is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Desired {
    /// Go on.
    Run,
    /// Put it down and write `paused`.
    Pause,
    /// Put it down and write `stopped`.
    Stop,
}

/// A kind of job: its name and its steps in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The name in documents.
    pub name: &'static str,
    /// The steps.
    pub steps: &'static [&'static str],
    /// The step from which a job goes on when only what failed is to be done again.
    pub units_step: &'static str,
}

impl Kind {
    /// The place of a step.
    pub fn position(&self, step: &str) -> Option<usize> {
        self.steps.iter().position(|one| *one == step)
    }
}

/// Who works on a job. `beat` grows while the worker lives; who sees it stand still for the length of a lease, by a
/// clock of its own, may take the job. So no two machines' clocks are ever compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The worker's instance.
    pub owner: String,
    /// Grows with each sign of life.
    pub beat: i64,
}

/// The part of a job that commands and workers change; everything else follows from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// Where the job is.
    pub state: State,
    /// What its worker is to do; `Run` unless the job is running.
    pub desired: Desired,
    /// The number of the run; results of another run don't count.
    pub run: i64,
    /// The fencing token: grows with each claim; a worker with an older one writes nothing.
    pub epoch: i64,
    /// Who works on it.
    pub lease: Option<Lease>,
    /// The step that runs or ran last.
    pub step: Option<String>,
    /// Steps of this run that are complete.
    pub completed: Vec<String>,
    /// How often what failed was to be done again in this run; pages of a later round count besides the earlier ones.
    pub round: i64,
    /// Claims since the last step or page was completed.
    pub stalls: u32,
}

/// What somebody wants of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Put it into the queue.
    Start,
    /// Hold it.
    Pause,
    /// Let it go on.
    Resume,
    /// End it.
    Stop,
    /// Go on after an end: from `from_step` when it is not later than the record allows, and with `failed` only for
    /// what failed.
    Retry {
        /// The first step to do again.
        from_step: Option<String>,
        /// Only what has no answer yet: what failed, and what an earlier end left out.
        failed: bool,
    },
    /// All of it again, as a new run.
    Restart,
}

impl Command {
    /// The word of the contract.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Stop => "stop",
            Self::Retry { .. } => "retry",
            Self::Restart => "restart",
        }
    }
}

/// What a command comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is so already.
    Same,
    /// It is to be so.
    Next(Control),
}

/// The command makes no sense in this state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {action} a job that is {}", state.as_str())]
pub struct IllegalTransition {
    /// The state.
    pub state: State,
    /// The command's name.
    pub action: &'static str,
}

impl Control {
    /// A job that was just made.
    pub fn new() -> Self {
        Self {
            state: State::Added,
            desired: Desired::Run,
            run: 1,
            epoch: 0,
            lease: None,
            step: None,
            completed: Vec::new(),
            round: 0,
            stalls: 0,
        }
    }

    /// What a command makes of the job. Nothing else turns one state into another on somebody's wish.
    ///
    /// # Errors
    /// When the command makes no sense in this state; nothing changes then.
    pub fn apply(&self, command: &Command, kind: &Kind) -> Result<Change, IllegalTransition> {
        use Command as C;
        use Desired as D;
        use State as S;
        let next = |change: &dyn Fn(&mut Self)| {
            let mut control = self.clone();
            change(&mut control);
            Ok(Change::Next(control))
        };
        match (self.state, self.desired, command) {
            (S::Added, _, C::Start) | (S::Paused, _, C::Resume) => next(&Self::enqueue),
            (S::Stopped | S::OnError, _, C::Start) | (S::Stopped | S::OnError | S::Done, _, C::Restart) => {
                next(&Self::begin_again)
            }
            (S::InQueue, _, C::Start | C::Resume)
            | (S::Running, D::Run, C::Resume)
            | (S::Running, D::Pause, C::Pause)
            | (S::Running, D::Stop, C::Stop)
            | (S::Paused, _, C::Pause)
            | (S::Stopped, _, C::Stop) => Ok(Change::Same),
            (S::InQueue, _, C::Pause) => next(&|control| control.state = S::Paused),
            (S::Running, D::Run, C::Pause) => next(&|control| control.desired = D::Pause),
            (S::Running, D::Pause, C::Resume) => next(&|control| control.desired = D::Run),
            (S::Running, D::Run | D::Pause, C::Stop) => next(&|control| control.desired = D::Stop),
            (S::Added | S::InQueue | S::Paused | S::OnError, _, C::Stop) => next(&|control| control.state = S::Stopped),
            (S::Stopped | S::OnError, _, C::Retry { from_step, failed }) => {
                let from_step = if *failed { Some(kind.units_step) } else { from_step.as_deref() };
                next(&|control| control.go_on_from(from_step, *failed, kind))
            }
            (S::Done, _, C::Retry { from_step: None, failed: true }) => {
                next(&|control| control.go_on_from(Some(kind.units_step), true, kind))
            }
            _ => Err(IllegalTransition { state: self.state, action: command.name() }),
        }
    }

    /// What the worker that holds the lease makes of the job once it has put it down for `desired`.
    pub fn put_down(&mut self) {
        self.lease = None;
        match self.desired {
            Desired::Pause => self.state = State::Paused,
            Desired::Stop => self.state = State::Stopped,
            // Put down in good order: this claim brought nobody down.
            Desired::Run => self.stalls = self.stalls.saturating_sub(1),
        }
        self.desired = Desired::Run;
    }

    /// Gives the job to a worker, or ends it when it brought down too many already; `true` when the worker has it.
    pub fn claim(&mut self, owner: &str) -> bool {
        self.epoch = self.epoch.saturating_add(1);
        if self.stalls >= MOST_STALLS {
            self.state = State::OnError;
            self.desired = Desired::Run;
            self.lease = None;
            self.stalls = 0;
            return false;
        }
        self.stalls = self.stalls.saturating_add(1);
        self.state = State::Running;
        self.lease = Some(Lease { owner: owner.to_owned(), beat: 0 });
        true
    }

    fn enqueue(&mut self) {
        self.state = State::InQueue;
        self.desired = Desired::Run;
        self.lease = None;
        self.stalls = 0;
    }

    fn begin_again(&mut self) {
        self.run = self.run.saturating_add(1);
        self.completed.clear();
        self.step = None;
        self.round = 0;
        self.enqueue();
    }

    /// Goes on from `from_step`, judged by the job's own record: a later step than it knows of changes nothing.
    fn go_on_from(&mut self, from_step: Option<&str>, failed: bool, kind: &Kind) {
        let asked = from_step.and_then(|step| kind.position(step)).unwrap_or(usize::MAX);
        self.completed.truncate(asked);
        self.round = self.round.saturating_add(i64::from(failed));
        self.enqueue();
    }
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KIND: Kind = Kind { name: "test", steps: &["read", "ask", "save"], units_step: "ask" };

    fn commands() -> Vec<Command> {
        vec![
            Command::Start,
            Command::Pause,
            Command::Resume,
            Command::Stop,
            Command::Retry { from_step: None, failed: false },
            Command::Retry { from_step: Some("ask".into()), failed: false },
            Command::Retry { from_step: None, failed: true },
            Command::Restart,
        ]
    }

    fn in_state(state: State, desired: Desired) -> Control {
        let lease = (state == State::Running).then(|| Lease { owner: "w".into(), beat: 3 });
        Control { state, desired, lease, completed: vec!["read".into(), "ask".into()], ..Control::new() }
    }

    /// The table of the design: for each state what each command comes to.
    #[test]
    fn every_command_does_in_every_state_what_the_table_says() {
        use Desired as D;
        use State as S;
        let table: [(S, D, [&str; 8]); 9] = [
            (S::Added, D::Run, ["in_queue", "409", "409", "stopped", "409", "409", "409", "409"]),
            (S::InQueue, D::Run, ["same", "paused", "same", "stopped", "409", "409", "409", "409"]),
            (S::Running, D::Run, ["409", "to pause", "same", "to stop", "409", "409", "409", "409"]),
            (S::Running, D::Pause, ["409", "same", "to run", "to stop", "409", "409", "409", "409"]),
            (S::Running, D::Stop, ["409", "409", "409", "same", "409", "409", "409", "409"]),
            (S::Paused, D::Run, ["409", "same", "in_queue", "stopped", "409", "409", "409", "409"]),
            (S::Stopped, D::Run, ["run 2", "409", "409", "same", "in_queue", "in_queue", "in_queue", "run 2"]),
            (S::OnError, D::Run, ["run 2", "409", "409", "stopped", "in_queue", "in_queue", "in_queue", "run 2"]),
            (S::Done, D::Run, ["409", "409", "409", "409", "409", "409", "in_queue", "run 2"]),
        ];
        for (state, desired, row) in table {
            let before = in_state(state, desired);
            for (command, wanted) in commands().iter().zip(row) {
                let found = match before.apply(command, &KIND) {
                    Err(_) => "409".to_owned(),
                    Ok(Change::Same) => "same".to_owned(),
                    Ok(Change::Next(after)) if after.run == 2 => "run 2".to_owned(),
                    Ok(Change::Next(after)) if after.state == S::Running => {
                        format!("to {:?}", after.desired).to_lowercase()
                    }
                    Ok(Change::Next(after)) => after.state.as_str().to_owned(),
                };
                assert_eq!(found, wanted, "{command:?} of {state:?} (desired {desired:?})");
            }
        }
    }

    #[test]
    fn a_retry_goes_on_from_an_earlier_step_but_never_from_a_later_one_than_the_record_says() {
        let before = in_state(State::OnError, Desired::Run);
        for (from, kept) in [(None, 2), (Some("read"), 0), (Some("ask"), 1), (Some("save"), 2), (Some("done"), 2)] {
            let command = Command::Retry { from_step: from.map(str::to_owned), failed: false };
            let Ok(Change::Next(after)) = before.apply(&command, &KIND) else { panic!("{from:?} is refused") };
            assert_eq!(after.completed.len(), kept, "{from:?}");
        }
    }

    #[test]
    fn a_job_that_brings_its_worker_down_three_times_in_a_row_is_given_up() {
        let mut control = in_state(State::InQueue, Desired::Run);
        assert_eq!([(); 4].map(|()| control.claim("w")), [true, true, true, false]);
        assert_eq!((control.state, control.epoch), (State::OnError, 4));
    }

    proptest! {
        #[test]
        fn no_sequence_of_commands_and_claims_breaks_the_rules(moves in prop::collection::vec(0usize..11, 0..60)) {
            let mut control = Control::new();
            for chosen in moves {
                let before = control.clone();
                match chosen {
                    8 if control.state == State::InQueue || control.state == State::Running => { control.claim("w"); }
                    9 if control.state == State::Running => control.put_down(),
                    10 if control.state == State::Running => { control.state = State::Done; control.lease = None; control.desired = Desired::Run; }
                    _ => if let Some(command) = commands().get(chosen) && let Ok(Change::Next(next)) = control.apply(command, &KIND) {
                        prop_assert_ne!(&next, &before, "a change changes something");
                        prop_assert_eq!(next.epoch, before.epoch, "a command takes no lease");
                        control = next;
                    },
                }
                prop_assert!(control.epoch >= before.epoch && control.run >= before.run);
                prop_assert!(control.lease.is_none() || control.state == State::Running, "only a running job has a worker");
                prop_assert!(control.desired == Desired::Run || control.state == State::Running);
                if before.state == State::Done {
                    prop_assert!(control.state == State::Done || control.run > before.run || control.round > before.round);
                }
            }
        }
    }
}
