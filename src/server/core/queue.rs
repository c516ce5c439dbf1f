//! A fair queue of the commands that wait for the writer. Workspaces take turns, and within a workspace its agents and its
//! operators do, so that one busy caller does not delay the others. The commands of one caller keep their order.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::domain::ids::{AgentId, WorkspaceId};

/// Limits of the commands that may wait, in all and per caller.
const MOST: usize = 4_096;
const MOST_OF_ONE: usize = 1_024;

/// The lane of a caller: an agent, or none for the operators and the clock of a workspace.
pub type QueueLane = (WorkspaceId, Option<AgentId>);

/// The reason why a command was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueRefusal {
    /// Too many commands wait.
    Full,
    /// The receiver is gone.
    Closed,
}

/// Lanes that take turns. A lane that becomes empty is removed.
struct Turns<Key, Lane> {
    order: VecDeque<Key>,
    lanes: HashMap<Key, Lane>,
}

impl<Key, Lane> Default for Turns<Key, Lane> {
    fn default() -> Self {
        Self { order: VecDeque::new(), lanes: HashMap::new() }
    }
}

impl<Key: Copy + Eq + Hash, Lane: Default> Turns<Key, Lane> {
    /// Returns the lane of a key, and adds it to the turns.
    fn lane(&mut self, key: Key) -> &mut Lane {
        let order = &mut self.order;
        self.lanes.entry(key).or_insert_with(|| {
            order.push_back(key);
            Lane::default()
        })
    }

    /// Takes one item of the next lane by `take`, which also returns whether the lane has more.
    fn next<T>(&mut self, take: impl FnOnce(&mut Lane) -> (Option<T>, bool)) -> Option<T> {
        let key = self.order.pop_front()?;
        let (taken, has_more) = take(self.lanes.get_mut(&key)?);
        if has_more {
            self.order.push_back(key);
        } else {
            self.lanes.remove(&key);
        }
        taken
    }
}

struct Waiting<T> {
    workspaces: Turns<WorkspaceId, Turns<Option<AgentId>, VecDeque<T>>>,
    count: usize,
    is_closed: bool,
}

struct Shared<T> {
    waiting: Mutex<Waiting<T>>,
    changed: Notify,
}

impl<T> Shared<T> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.waiting().is_closed = true;
        self.changed.notify_one();
    }
}

/// The sending end of the queue. Dropping it closes the queue.
pub struct CommandSender<T>(Arc<Shared<T>>);

/// The receiving end of the queue. Dropping it closes the queue.
pub struct CommandReceiver<T>(Arc<Shared<T>>);

/// Creates a queue with one receiver.
pub fn queue<T>() -> (CommandSender<T>, CommandReceiver<T>) {
    let waiting = Waiting { workspaces: Turns::default(), count: 0, is_closed: false };
    let shared = Arc::new(Shared { waiting: Mutex::new(waiting), changed: Notify::new() });
    (CommandSender(Arc::clone(&shared)), CommandReceiver(shared))
}

impl<T> CommandSender<T> {
    /// Adds a command.
    pub fn send(&self, (workspace, agent): QueueLane, command: T) -> Result<(), QueueRefusal> {
        let mut waiting = self.0.waiting();
        if waiting.is_closed {
            return Err(QueueRefusal::Closed);
        }
        if waiting.count >= MOST {
            return Err(QueueRefusal::Full);
        }
        let lane = waiting.workspaces.lane(workspace).lane(agent);
        // A lane that was just added is empty and is never over its limit, so no empty lane stays.
        if lane.len() >= MOST_OF_ONE {
            return Err(QueueRefusal::Full);
        }
        lane.push_back(command);
        waiting.count += 1;
        drop(waiting);
        self.0.changed.notify_one();
        Ok(())
    }

    /// Returns whether the receiver is gone.
    pub fn is_closed(&self) -> bool {
        self.0.waiting().is_closed
    }
}

impl<T> CommandReceiver<T> {
    /// Waits for commands and takes up to `limit`, by turns. Returns none when the queue is closed and empty.
    pub async fn take(&mut self, limit: usize) -> Vec<T> {
        loop {
            {
                let mut waiting = self.0.waiting();
                let mut taken = vec![];
                while taken.len() < limit {
                    let next = waiting.workspaces.next(|workspace| {
                        let command = workspace.next(|lane| (lane.pop_front(), !lane.is_empty()));
                        (command, !workspace.order.is_empty())
                    });
                    match next {
                        Some(command) => taken.push(command),
                        None => break,
                    }
                }
                waiting.count -= taken.len();
                if !taken.is_empty() || waiting.is_closed {
                    return taken;
                }
            }
            self.0.changed.notified().await;
        }
    }
}

impl<T> Drop for CommandSender<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<T> Drop for CommandReceiver<T> {
    fn drop(&mut self) {
        self.0.close();
        // Dropping a command tells its caller that it was not run.
        let dropped = std::mem::take(&mut self.0.waiting().workspaces);
        drop(dropped);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn caller(workspace: u128, agent: Option<u128>) -> QueueLane {
        (WorkspaceId::new(Uuid::from_u128(workspace)), agent.map(|agent| AgentId::new(Uuid::from_u128(agent))))
    }

    #[tokio::test]
    async fn callers_take_turns_and_keep_their_own_order() {
        let (sender, mut receiver) = queue();
        for n in 0..100 {
            sender.send(caller(1, Some(1)), ("greedy", n)).unwrap();
        }
        for n in 0..3 {
            sender.send(caller(1, Some(2)), ("modest", n)).unwrap();
            sender.send(caller(1, None), ("desk", n)).unwrap();
            sender.send(caller(2, Some(3)), ("elsewhere", n)).unwrap();
        }
        // Two workspaces take turns, and three callers within the first.
        let first = receiver.take(12).await;
        let of = |who: &str| first.iter().filter(|it| it.0 == who).map(|it| it.1).collect::<Vec<_>>();
        assert_eq!((of("elsewhere"), of("modest"), of("desk")), (vec![0, 1, 2], vec![0, 1, 2], vec![0, 1, 2]));
        assert_eq!(of("greedy"), [0, 1, 2]);
        let rest: Vec<i32> = receiver.take(1_000).await.into_iter().map(|it| it.1).collect();
        assert_eq!(rest, (3..100).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn one_caller_cannot_fill_the_queue() {
        let (sender, mut receiver) = queue();
        let mut queued = 0;
        while sender.send(caller(1, Some(1)), ()).is_ok() {
            queued += 1;
        }
        assert_eq!(queued, MOST_OF_ONE);
        assert_eq!(sender.send(caller(1, Some(2)), ()), Ok(()));
        for agent in 3..100 {
            while sender.send(caller(1, Some(agent)), ()).is_ok() {
                queued += 1;
            }
        }
        assert_eq!(queued + 1, MOST);
        assert_eq!(receiver.take(usize::MAX).await.len(), MOST);
        assert_eq!(sender.send(caller(1, Some(1)), ()), Ok(()));
    }

    #[tokio::test]
    async fn an_end_closes_the_queue() {
        let (sender, mut receiver) = queue();
        sender.send(caller(1, None), 1).unwrap();
        drop(sender);
        assert_eq!(receiver.take(9).await, [1], "what is queued is taken");
        assert!(receiver.take(9).await.is_empty());
        let (sender, receiver) = queue();
        let (answer, answered) = tokio::sync::oneshot::channel::<()>();
        sender.send(caller(1, None), answer).unwrap();
        drop(receiver);
        assert!(sender.is_closed() && answered.await.is_err());
    }
}
