//! What each client is tested with: the one declaration from which the tests and `docs/clients.md` are made.
//!
//! Each feature has a macro that makes a test for each client with the feature out of a function that takes a client:
//! `mod writes { medallion_tests::tests_of_writing!(super::written_by); }` makes `writes::java`, `writes::confluent`, ...

use crate::client::Client;

#[cfg(test)]
mod page;

macro_rules! features {
    ($d:tt $(
        #[doc = $what:literal]
        $feature:ident by $tests:ident {
            $($name:ident: $client:ident),*;
            $($absent:ident: $reason:literal),*
        }
    )*) => {
        /// Something that clients are tested with.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Feature { $( #[doc = $what] $feature, )* }

        /// All features, in the order of the page.
        pub const FEATURES: &[Feature] = &[$( Feature::$feature ),*];

        impl Feature {
            /// What is tested, in words.
            pub fn what(self) -> &'static str {
                match self { $( Self::$feature => $what.trim_ascii(), )* }
            }

            /// The clients that have the feature and are tested with it.
            pub fn clients(self) -> &'static [Client] {
                match self { $( Self::$feature => &[$( Client::$client ),*], )* }
            }

            /// The clients that are not, and why.
            pub fn absent(self) -> &'static [(Client, &'static str)] {
                match self { $( Self::$feature => &[$( (Client::$absent, $reason) ),*], )* }
            }

            /// The macro that makes its tests.
            pub fn tests(self) -> &'static str {
                match self { $( Self::$feature => stringify!($tests), )* }
            }
        }

        $(
            /// Makes a test for each client with the feature.
            #[macro_export]
            macro_rules! $tests {
                ($d body:path) => { $(
                    #[test]
                    fn $name() {
                        $d body($crate::client::Client::$client);
                    }
                )* };
            }
        )*
    };
}

features! { $
    /// What it writes, all readers read: each codec, headers, nulls where it can send them, records of 900 kB, idempotent and not, every kind of acks
    Writes by tests_of_writing {
        java: Java, confluent: Confluent, kafka_python: KafkaPython, aiokafka: Aiokafka, franz_go: FranzGo, sarama: Sarama,
        kafkajs: KafkaJs, kcat: Kcat, rdkafka: Rdkafka;
    }
    /// Reads what all others write, by partition and offset
    Reads by tests_of_reading {
        java: Java, confluent: Confluent, kafka_python: KafkaPython, aiokafka: Aiokafka, franz_go: FranzGo, sarama: Sarama,
        kcat: Kcat, rdkafka: Rdkafka;
        KafkaJs: "it reads in groups only"
    }
    /// Finds offsets by time
    FindsOffsetsByTime by tests_of_offsets_by_time {
        java: Java, confluent: Confluent, kafka_python: KafkaPython, aiokafka: Aiokafka, franz_go: FranzGo, sarama: Sarama,
        kafkajs: KafkaJs, kcat: Kcat, rdkafka: Rdkafka;
    }
    /// Goes on writing while the server restarts and is killed: nothing acknowledged is lost, and nothing is there twice where it is idempotent
    WritesThroughRestarts by tests_of_writing_through_restarts {
        java: Java, confluent: Confluent, kafka_python: KafkaPython, aiokafka: Aiokafka, franz_go: FranzGo, sarama: Sarama,
        kafkajs: KafkaJs, rdkafka: Rdkafka;
        Kcat: "it ends when its only server is away"
    }
    /// Goes on reading at the end of a partition after the server was away
    ReadsThroughARestart by tests_of_reading_through_a_restart {
        java: Java, confluent: Confluent, kafka_python: KafkaPython, aiokafka: Aiokafka, franz_go: FranzGo, sarama: Sarama,
        rdkafka: Rdkafka;
        KafkaJs: "it reads in groups only",
        Kcat: "it ends when its only server is away"
    }
    /// Shares a topic under load, rebalancing eagerly: members join, leave and are killed, the server restarts and is killed
    SharesEagerly by tests_of_sharing_eagerly {
        java: Java, confluent: Confluent, kafka_python: KafkaPython, aiokafka: Aiokafka, franz_go: FranzGo, sarama: Sarama,
        kafkajs: KafkaJs, rdkafka: Rdkafka;
        Kcat: "its members join under load and leave at rest; it commits what it has not printed yet, so that nothing can be held against one that ends while records come"
    }
    /// The same, rebalancing cooperatively
    SharesCooperatively by tests_of_sharing_cooperatively {
        java: Java, confluent: Confluent, kafka_python: KafkaPython, franz_go: FranzGo, sarama: Sarama, rdkafka: Rdkafka;
        Aiokafka: "it has no cooperative assignor",
        KafkaJs: "it has no cooperative assignor",
        Kcat: "its members join under load and leave at rest; it commits what it has not printed yet, so that nothing can be held against one that ends while records come"
    }
    /// The same by the consumer protocol (KIP-848)
    SharesByTheConsumerProtocol by tests_of_sharing_by_the_consumer_protocol {
        java: Java, confluent: Confluent, franz_go: FranzGo, rdkafka: Rdkafka;
        KafkaPython: "it does not speak this protocol",
        Aiokafka: "it does not speak this protocol",
        Sarama: "it does not speak this protocol",
        KafkaJs: "it does not speak this protocol",
        Kcat: "its librdkafka does not speak this protocol"
    }
    /// Restarts as a static member, after it left and after it was killed, and nobody else notices
    RestartsAsStaticMember by tests_of_static_members {
        java: Java, confluent: Confluent, kafka_python: KafkaPython, aiokafka: Aiokafka, franz_go: FranzGo, sarama: Sarama,
        kcat: Kcat, rdkafka: Rdkafka;
        KafkaJs: "it has no static members"
    }
    /// Leaves for now as a static member of the consumer protocol, and nobody else notices
    LeavesForNow by tests_of_leaving_for_now {
        java: Java, confluent: Confluent, rdkafka: Rdkafka;
        KafkaPython: "it does not speak this protocol",
        Aiokafka: "it does not speak this protocol",
        FranzGo: "its static members do not leave",
        Sarama: "it does not speak this protocol",
        KafkaJs: "it has no static members",
        Kcat: "its librdkafka does not speak this protocol"
    }
    /// Commits asynchronously; its process is paused under load until its session ends, it is fenced and joins anew
    IsPaused by tests_of_pauses {
        java: Java, confluent: Confluent, kafka_python: KafkaPython, aiokafka: Aiokafka, franz_go: FranzGo, sarama: Sarama,
        kafkajs: KafkaJs, rdkafka: Rdkafka;
        Kcat: "its members join under load and leave at rest; it commits what it has not printed yet, so that nothing can be held against one that ends while records come"
    }
    /// The same by the consumer protocol
    IsPausedByTheConsumerProtocol by tests_of_pauses_by_the_consumer_protocol {
        java: Java, confluent: Confluent, franz_go: FranzGo, rdkafka: Rdkafka;
        KafkaPython: "it does not speak this protocol",
        Aiokafka: "it does not speak this protocol",
        Sarama: "it does not speak this protocol",
        KafkaJs: "it does not speak this protocol",
        Kcat: "its librdkafka does not speak this protocol"
    }
    /// Pauses and resumes a partition, seeks to the beginning, forward and back, and commits that asynchronously
    GoesAbout by tests_of_going_about {
        java: Java, confluent: Confluent, kafka_python: KafkaPython, aiokafka: Aiokafka, franz_go: FranzGo, kafkajs: KafkaJs,
        rdkafka: Rdkafka;
        Sarama: "its members have no seek",
        Kcat: "it is a program without these"
    }
}
