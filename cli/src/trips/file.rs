//! Trips out of files.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;

use super::columns::{Cell, Columns};
use super::trip::Trip;

/// A repetition lies so much later than the one before: whole weeks, so that weekdays stay, and more than a month,
/// which is what a file of the commission holds.
const SHIFT_MS: i64 = 35 * 86_400_000;

type Rows = Box<dyn Iterator<Item = anyhow::Result<Option<Trip>>> + Send>;

/// The trips of a file, as many times over as asked for, each time five weeks later.
pub(crate) struct FileTrips {
    path: PathBuf,
    rows: Rows,
    /// How many times the file has been begun before.
    passes: u64,
    /// How many times it is read; for ever when `None`.
    repeat: Option<u64>,
    skipped: u64,
}

impl FileTrips {
    /// Opens a CSV or Parquet file of yellow or green trips.
    pub(crate) fn open(path: &Path, repeat: u64) -> anyhow::Result<Self> {
        let rows = open_rows(path)?;
        Ok(Self { path: path.to_owned(), rows, passes: 0, repeat: Some(repeat.max(1)), skipped: 0 })
    }

    /// Goes on for ever.
    pub(crate) fn repeat_for_ever(&mut self) {
        self.repeat = None;
    }

    /// How many rows had no time, zone or fare and were left out.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }
}

impl Iterator for FileTrips {
    type Item = anyhow::Result<Trip>;

    fn next(&mut self) -> Option<anyhow::Result<Trip>> {
        let mut begun = false;
        loop {
            match self.rows.next() {
                Some(Ok(Some(trip))) => {
                    let shift = SHIFT_MS.saturating_mul(i64::try_from(self.passes).unwrap_or(i64::MAX));
                    return Some(Ok(trip.shifted(shift)));
                }
                Some(Ok(None)) => self.skipped += 1,
                Some(Err(error)) => {
                    return Some(Err(error.context(format!("cannot read {}", self.path.display()))));
                }
                None => {
                    // A file without a single trip would be begun for ever.
                    if begun || self.repeat.is_some_and(|repeat| self.passes + 1 >= repeat) {
                        return None;
                    }
                    begun = true;
                    match open_rows(&self.path) {
                        Ok(rows) => self.rows = rows,
                        Err(error) => return Some(Err(error)),
                    }
                    self.passes += 1;
                }
            }
        }
    }
}

fn open_rows(path: &Path) -> anyhow::Result<Rows> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot open the trips {shown}"))?;
    let is_parquet = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
    let rows = if is_parquet { parquet_rows(file) } else { csv_rows(file) };
    rows.with_context(|| format!("cannot read the trips {shown}"))
}

fn csv_rows(file: File) -> anyhow::Result<Rows> {
    let mut reader = csv::Reader::from_reader(file);
    let names: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let columns = Columns::find(&names)?;
    Ok(Box::new(reader.into_records().map(move |row| {
        let row = row?;
        Ok(columns.trip(|column| match row.get(column) {
            None | Some("") => Cell::Null,
            Some(text) => Cell::Text(text),
        }))
    })))
}

fn parquet_rows(file: File) -> anyhow::Result<Rows> {
    let reader = SerializedFileReader::new(file)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let names: Vec<String> =
        schema.root_schema().get_fields().iter().map(|field| field.name().to_owned()).collect();
    let columns = Columns::find(&names)?;
    Ok(Box::new(RowIter::from_file_into(Box::new(reader)).map(move |row| {
        let fields = row?.into_columns();
        Ok(columns.trip(|column| fields.get(column).map_or(Cell::Null, |(_, field)| Cell::of_field(field))))
    })))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use parquet::data_type::{DoubleType, Int64Type};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::super::trip::Cents;
    use super::super::trip::tests::trip;
    use super::*;

    const YELLOW: &str = "\
VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,RatecodeID,store_and_fwd_flag,PULocationID,DOLocationID,payment_type,fare_amount,extra,mta_tax,tip_amount,tolls_amount,improvement_surcharge,total_amount,congestion_surcharge,color,ehail_fee,trip_type
1,2019-03-23 20:21:09,2019-03-23 20:27:24,1,1.6,1,N,141,233,1,7.0,3.0,0.5,2.15,0.0,0.3,12.95,2.5,yellow,,
1,,2019-03-23 20:27:24,1,1.6,1,N,141,233,1,7.0,3.0,0.5,2.15,0.0,0.3,12.95,2.5,yellow,,
";

    fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        File::create(&path).unwrap().write_all(content).unwrap();
        (directory, path)
    }

    #[test]
    fn a_yellow_file_is_read_and_repeated_later() {
        let (_directory, path) = file("trips.csv", YELLOW.as_bytes());
        let mut trips = FileTrips::open(&path, 2).unwrap();
        assert_eq!(trips.next().unwrap().unwrap(), trip());
        assert_eq!(trips.next().unwrap().unwrap(), trip().shifted(SHIFT_MS));
        assert!(trips.next().is_none());
        assert_eq!(trips.skipped(), 2, "the row without a pickup time, both times");
        trips.repeat_for_ever();
        assert_eq!(trips.next().unwrap().unwrap(), trip().shifted(2 * SHIFT_MS));
    }

    #[test]
    fn a_green_file_has_its_own_names() {
        let green = "VendorID,lpep_pickup_datetime,lpep_dropoff_datetime,PULocationID,DOLocationID,fare_amount\n\
                     2,2019-03-23 20:21:09,2019-03-23 20:27:24,74,75,-3.50\n";
        let (_directory, path) = file("green.csv", green.as_bytes());
        let trip = FileTrips::open(&path, 1).unwrap().next().unwrap().unwrap();
        assert_eq!(trip.color.as_deref(), Some("green"));
        assert_eq!(trip.fare_amount, Cents(-350));
        assert_eq!(trip.passenger_count, None);
    }

    #[test]
    fn other_files_are_refused_with_what_is_missing() {
        let (_directory, path) = file("other.csv", b"a,b\n1,2\n");
        let error = format!("{:#}", FileTrips::open(&path, 1).err().unwrap());
        assert!(error.contains("PULocationID") && error.contains("a, b"), "{error}");
    }

    #[test]
    fn a_file_without_trips_ends() {
        let header = YELLOW.lines().next().unwrap();
        let (_directory, path) = file("empty.csv", format!("{header}\n").as_bytes());
        let mut trips = FileTrips::open(&path, 1).unwrap();
        trips.repeat_for_ever();
        assert!(trips.next().is_none());
    }

    #[test]
    fn a_parquet_file_of_the_commission_is_read() {
        let schema = "message schema {
            OPTIONAL INT64 tpep_pickup_datetime (TIMESTAMP(MICROS,false));
            OPTIONAL INT64 tpep_dropoff_datetime (TIMESTAMP(MICROS,false));
            OPTIONAL INT64 PULocationID; OPTIONAL INT64 DOLocationID; OPTIONAL DOUBLE fare_amount; }";
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trips.parquet");
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut writer =
            SerializedFileWriter::new(File::create(&path).unwrap(), schema, Arc::default()).unwrap();
        let mut group = writer.next_row_group().unwrap();
        for value in [1_553_372_469_000_000, 1_553_372_844_000_000, 141, 233] {
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<Int64Type>().write_batch(&[value], Some(&[1]), None).unwrap();
            column.close().unwrap();
        }
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&[7.0], Some(&[1]), None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        let trips: Vec<_> = FileTrips::open(&path, 1).unwrap().map(Result::unwrap).collect();
        assert_eq!(trips.len(), 1);
        assert_eq!((trips[0].pickup_ms, trips[0].pickup_location_id), (trip().pickup_ms, 141));
        assert_eq!(trips[0].fare_amount, Cents(700));
    }
}
