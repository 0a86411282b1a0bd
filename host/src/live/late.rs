//! What came of the slow lane, until it is recorded: with what comes after it, and when nobody else wants to record.
//!
//! Each commit is made durable on its own and only one is made at a time, so a lane that is to be noticed by nobody commits
//! seldom. What a crash loses of this is judged again.

use std::time::Duration;

use hashbrown::HashSet;

use super::{limits::SLOW_RECORDED_BLOCKS_MAX, verdicts::Judged};
use crate::block::BlockId;

/// Groups that are judged, and not recorded.
#[derive(Debug, Default)]
pub(super) struct Late {
    groups: Vec<Judged>,
    blocks: HashSet<BlockId>,
    /// Since when the first of them waits.
    since: Duration,
}

impl Late {
    pub(super) fn add(&mut self, group: Judged, now: Duration) {
        if self.groups.is_empty() {
            self.since = now;
        }
        let blocks = group.blocks.iter();
        let unopened = group.unopened.iter().map(|(listed, _)| listed);
        self.blocks
            .extend(blocks.chain(unopened).map(|listed| listed.meta().id));
        self.groups.push(group);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Returns the blocks that are not to be judged again.
    pub(super) fn blocks(&self) -> &HashSet<BlockId> {
        &self.blocks
    }

    /// Whether they are to be recorded: after so long while nobody else has something to do, or twice as long.
    pub(super) fn is_due(&self, now: Duration, after: Duration, others_are_busy: bool) -> bool {
        let waited = now.saturating_sub(self.since);
        let after = after.saturating_mul(if others_are_busy { 2 } else { 1 });
        !self.is_empty() && (waited >= after || self.blocks.len() >= SLOW_RECORDED_BLOCKS_MAX)
    }

    pub(super) fn take(&mut self) -> Vec<Judged> {
        self.blocks.clear();
        std::mem::take(&mut self.groups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Costs;

    const AFTER: Duration = Duration::from_millis(250);

    fn group() -> Judged {
        Judged {
            unopened: Vec::new(),
            blocks: Vec::new(),
            judgements: Ok(Vec::new()),
            rule_set: None,
            costs: Costs::default(),
            processor: Duration::ZERO,
        }
    }

    #[test]
    fn it_is_due_when_the_first_has_waited_and_others_are_let_through_for_as_long_again() {
        let mut late = Late::default();
        let began = Duration::from_secs(1);
        assert!(!late.is_due(began, Duration::ZERO, false), "nothing waits");
        late.add(group(), began);
        late.add(group(), began + AFTER);
        let due = |late: &Late, at| [false, true].map(|busy| late.is_due(began + at, AFTER, busy));
        assert_eq!(due(&late, Duration::ZERO), [false, false]);
        assert_eq!(due(&late, AFTER), [true, false]);
        assert_eq!(due(&late, 2 * AFTER), [true, true]);
        assert_eq!(late.take().len(), 2);
        assert_eq!(due(&late, 2 * AFTER), [false, false]);
        late.add(group(), began + 2 * AFTER);
        assert_eq!(
            due(&late, 2 * AFTER),
            [false, false],
            "from its own time on"
        );
    }
}
