//! A partition log on the files of Kafka.
