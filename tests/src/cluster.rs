//! Several nodes of Apache Kafka, each of them broker and controller, for what a client does with more than one broker.

use crate::environment::Missing;
use crate::server::{KAFKA, Program, Server, Setup, free_port};

/// Enough for a node that keeps little.
const HEAP_MB_MAX: u32 = 256;

/// Nodes 1, 2, ..., each in a rack of its own: `rack-1`, `rack-2`, ...
#[derive(Debug)]
pub struct Cluster {
    /// The nodes, in order of their ids.
    pub nodes: Vec<Server>,
}

impl Cluster {
    /// So many nodes, which are there for clients. Kafka's own topics have as many replicas.
    ///
    /// # Errors
    /// Where there is no Java or no Kafka on this machine.
    pub fn start(count: usize, more: impl Fn(Setup) -> Setup) -> Result<Self, Missing> {
        let controllers: Vec<u16> = (0..count).map(|_| free_port()).collect();
        let voters = (1..).zip(&controllers).map(|(id, port)| format!("{id}@127.0.0.1:{port}"));
        let voters = voters.collect::<Vec<_>>().join(",");
        let node = |(id, port): (usize, &u16)| {
            let (id, count) = (id.to_string(), count.to_string());
            let setup = Server::setup()
                .program(Program::Kafka(KAFKA))
                .heap_mb_max(HEAP_MB_MAX)
                .controller_port(*port)
                .property("node.id", &id)
                .property("broker.rack", &format!("rack-{id}"))
                .property("controller.quorum.voters", &voters)
                .property("default.replication.factor", &count)
                .property("offsets.topic.replication.factor", &count)
                .property("transaction.state.log.replication.factor", &count);
            more(setup).prepare()
        };
        let mut nodes = (1..).zip(&controllers).map(node).collect::<Result<Vec<_>, _>>()?;
        // None of them is ready before most are there.
        for node in &mut nodes {
            node.spawn()?;
        }
        nodes.iter_mut().for_each(Server::wait_until_ready);
        Ok(Self { nodes })
    }

    /// `host:port` of all nodes, for clients.
    pub fn bootstrap(&self) -> String {
        self.nodes.iter().map(Server::bootstrap).collect::<Vec<_>>().join(",")
    }
}
