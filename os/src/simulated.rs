//! A disk in memory with a live and a durable image.
//!
//! What a process writes changes the live image at once. [`File::sync_data`] copies a file's bytes to the durable image,
//! [`FileSystem::sync_directory`] a directory's names. [`SimulatedFileSystem::crash`] makes a new live image from the
//! durable one and a random part of what was not synced: single sectors of writes, new lengths without the bytes, single
//! renames, creations and removals.

mod names;
mod node;
mod random;
mod survival;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::file_system::{Entry, File, FileSystem, OpenMode, VolumeSpace};
use names::{NameChange, Names};
use node::{Content, Node, NodeId};
use random::Random;
use survival::Survival;

/// Sectors reach the disk whole or not at all.
const SECTOR_BYTES: usize = 512;
/// The size of the volume when none was set.
const DEFAULT_CAPACITY_BYTES: u64 = 1 << 40;

/// [`FileSystem`] in memory that can crash, fill up and fail. Clones share the disk.
#[derive(Debug, Clone, Default)]
pub struct SimulatedFileSystem {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug)]
struct Disk {
    nodes: BTreeMap<NodeId, Node>,
    names: Names,
    /// Goes up with each crash; handles of an earlier one are dead.
    generation: u64,
    /// How many live handles each file has.
    handles: BTreeMap<NodeId, usize>,
    capacity_bytes: Option<u64>,
    faults: Faults,
    /// Changes (writes, cuts, syncs, names) so far.
    changes: u64,
    syncs: u64,
    now_ms: i64,
}

#[derive(Debug, Default)]
struct Faults {
    fail_from_change: Option<u64>,
    fail_sync: Option<u64>,
    unreadable: BTreeSet<NodeId>,
    foreign_locks: Vec<PathBuf>,
}

impl Default for Disk {
    fn default() -> Self {
        let mut nodes = BTreeMap::new();
        nodes.insert(NodeId::ROOT, Node::Directory);
        Self {
            nodes,
            names: Names::default(),
            generation: 0,
            handles: BTreeMap::new(),
            capacity_bytes: None,
            faults: Faults::default(),
            changes: 0,
            syncs: 0,
            now_ms: 0,
        }
    }
}

impl SimulatedFileSystem {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cuts the power. What was synced is there; of the rest a random part, decided by `seed`. Handles that were open
    /// fail from now on; injected faults are gone.
    pub fn crash(&self, seed: u64) {
        let mut disk = self.disk.lock();
        let mut random = Random::new(seed);
        disk.generation += 1;
        disk.handles.clear();
        disk.faults = Faults::default();
        let survival = Survival::pick(&mut random);
        let changes = disk.names.pending_changes();
        disk.names.crash(survival.of(changes, &mut random));
        for node in disk.nodes.values_mut() {
            if let Node::File(content) = node {
                let parts = content.pending_parts();
                content.crash(survival.of(parts, &mut random));
            }
        }
    }

    /// Lets `changes` more writes, cuts, syncs, renames, creations and removals pass, then fails all of them with an I/O
    /// error until [`SimulatedFileSystem::clear_faults`]. A part of a write that fails may be there.
    pub fn fail_after(&self, changes: u64) {
        let mut disk = self.disk.lock();
        disk.faults.fail_from_change = Some(disk.changes + changes);
    }

    /// Fails the `nth` sync of a file from now on (1 is the next), once. The writes that it should have made durable
    /// are never made durable by a later sync, as on Linux.
    pub fn fail_sync(&self, nth: u64) {
        let mut disk = self.disk.lock();
        disk.faults.fail_sync = Some(disk.syncs + nth);
    }

    /// Fails all reads of the file at `path` with an I/O error until [`SimulatedFileSystem::clear_faults`], as a bad
    /// sector does.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn fail_reads(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let id = disk.find(path)?;
        disk.faults.unreadable.insert(id);
        Ok(())
    }

    /// Ends all injected failures; the capacity stays.
    pub fn clear_faults(&self) {
        self.disk.lock().faults = Faults::default();
    }

    /// Limits the bytes of all files together; a write above it goes in part and fails with `StorageFull`.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.disk.lock().capacity_bytes = bytes;
    }

    /// Bytes of all files that have a name or are open.
    pub fn used_bytes(&self) -> u64 {
        self.disk.lock().used_bytes()
    }

    /// How many changes were made so far: the unit of [`SimulatedFileSystem::fail_after`].
    pub fn changes(&self) -> u64 {
        self.disk.lock().changes
    }

    /// How many syncs of files were asked for so far.
    pub fn syncs(&self) -> u64 {
        self.disk.lock().syncs
    }

    /// Files in a directory whose bytes would not all survive a crash, sorted.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn not_durable(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let disk = self.disk.lock();
        let id = disk.find(directory)?;
        let differs =
            |id: &NodeId| matches!(disk.nodes.get(id), Some(Node::File(content)) if !content.is_durable());
        let names = disk.names.entries(id).filter(|(_, id)| differs(id));
        Ok(names.map(|(name, _)| directory.join(name)).collect())
    }

    /// Makes [`File::try_lock`] on `path` find the lock taken.
    pub fn hold_lock_elsewhere(&self, path: &Path) {
        self.disk.lock().faults.foreign_locks.push(path.to_owned());
    }

    /// Sets the time that changes leave on files.
    pub fn set_now_ms(&self, now_ms: i64) {
        self.disk.lock().now_ms = now_ms;
    }
}

impl Disk {
    fn used_bytes(&self) -> u64 {
        let linked = self.names.linked();
        let takes_room = |id: &NodeId| linked.contains(id) || self.handles.contains_key(id);
        let lens = self.nodes.iter().filter(|(id, _)| takes_room(id)).map(|(_, node)| match node {
            Node::File(content) => content.len(),
            Node::Directory => 0,
        });
        lens.sum()
    }

    /// Counts a change and fails it where that was asked for.
    fn change(&mut self) -> io::Result<()> {
        self.changes += 1;
        match self.faults.fail_from_change {
            Some(from) if self.changes > from => Err(input_output_error()),
            _ => Ok(()),
        }
    }

    fn find(&self, path: &Path) -> io::Result<NodeId> {
        self.names.find(path).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The directory that holds `path`, and the last component.
    fn parent_of(&self, path: &Path) -> io::Result<(NodeId, String)> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let parent = self.find(path.parent().ok_or(io::ErrorKind::InvalidInput)?)?;
        if !matches!(self.nodes.get(&parent), Some(Node::Directory)) {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok((parent, name.to_string_lossy().into_owned()))
    }

    fn make(&mut self, path: &Path, node: Node) -> io::Result<NodeId> {
        let (parent, name) = self.parent_of(path)?;
        self.change()?;
        let id = NodeId(self.nodes.len() as u64);
        self.nodes.insert(id, node);
        self.names.change(NameChange { id, from: None, to: Some((parent, name)) });
        Ok(id)
    }

    /// Whether the node `id` may be renamed over the one that is `present`.
    fn check_replaces(&self, id: NodeId, present: NodeId) -> io::Result<()> {
        let is_directory = |id: NodeId| matches!(self.nodes.get(&id), Some(Node::Directory));
        match (is_directory(id), is_directory(present)) {
            (false, false) => Ok(()),
            (false, true) => Err(io::ErrorKind::IsADirectory.into()),
            (true, false) => Err(io::ErrorKind::NotADirectory.into()),
            (true, true) if self.names.entries(present).next().is_none() => Ok(()),
            (true, true) => Err(io::ErrorKind::DirectoryNotEmpty.into()),
        }
    }

    fn content(&mut self, generation: u64, id: NodeId) -> io::Result<&mut Content> {
        if self.generation != generation {
            return Err(io::Error::other("the file was opened before a crash"));
        }
        match self.nodes.get_mut(&id) {
            Some(Node::File(content)) => Ok(content),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn remove(&mut self, path: &Path, id: NodeId) -> io::Result<()> {
        let place = self.parent_of(path)?;
        self.change()?;
        self.names.change(NameChange { id, from: Some(place), to: None });
        Ok(())
    }
}

fn input_output_error() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())
}

impl FileSystem for SimulatedFileSystem {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut disk = self.disk.lock();
        let id = match (disk.find(path), mode) {
            (Ok(_), OpenMode::CreateNew) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Ok(id), _) => id,
            (Err(error), OpenMode::Read | OpenMode::ReadWrite) => return Err(error),
            (Err(_), _) => disk.make(path, Node::File(Content::default()))?,
        };
        let generation = disk.generation;
        if mode == OpenMode::CreateOrTruncate && disk.content(generation, id)?.len() > 0 {
            disk.change()?;
            disk.content(generation, id)?.set_len(0);
        }
        disk.content(generation, id)?;
        *disk.handles.entry(id).or_default() += 1;
        let writable = mode != OpenMode::Read;
        let disk = Arc::clone(&self.disk);
        Ok(Arc::new(SimulatedFile { disk, id, generation, writable, path: path.to_owned() }))
    }

    fn create_directories(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let mut missing: Vec<&Path> =
            path.ancestors().take_while(|at| disk.names.find(at).is_none()).collect();
        missing.reverse();
        for directory in missing {
            disk.make(directory, Node::Directory)?;
        }
        Ok(())
    }

    fn read_directory(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let disk = self.disk.lock();
        let directory = disk.find(path)?;
        let entries = disk.names.entries(directory).map(|(name, id)| Entry {
            path: path.join(name),
            name: name.to_owned(),
            is_directory: matches!(disk.nodes.get(&id), Some(Node::Directory)),
        });
        Ok(entries.collect())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        Ok(self.disk.lock().names.find(path).is_some())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let id = disk.find(from)?;
        let source = disk.parent_of(from)?;
        let target = disk.parent_of(to)?;
        if let Some(present) = disk.names.find(to)
            && present != id
        {
            disk.check_replaces(id, present)?;
        }
        disk.change()?;
        disk.names.change(NameChange { id, from: Some(source), to: Some(target) });
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let id = disk.find(path)?;
        if matches!(disk.nodes.get(&id), Some(Node::Directory)) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        disk.remove(path, id)
    }

    fn remove_directory_all(&self, path: &Path) -> io::Result<()> {
        for entry in self.read_directory(path)? {
            if entry.is_directory {
                self.remove_directory_all(&entry.path)?;
            } else {
                self.remove_file(&entry.path)?;
            }
        }
        let mut disk = self.disk.lock();
        let id = disk.find(path)?;
        disk.remove(path, id)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let id = disk.find(path)?;
        disk.change()?;
        disk.names.sync(id);
        Ok(())
    }

    fn volume_space(&self, _path: &Path) -> io::Result<VolumeSpace> {
        let disk = self.disk.lock();
        let total_bytes = disk.capacity_bytes.unwrap_or(DEFAULT_CAPACITY_BYTES);
        Ok(VolumeSpace { total_bytes, usable_bytes: total_bytes.saturating_sub(disk.used_bytes()) })
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: Arc<Mutex<Disk>>,
    id: NodeId,
    generation: u64,
    writable: bool,
    path: PathBuf,
}

impl SimulatedFile {
    /// The file's content, to be changed.
    fn content<'a>(&self, disk: &'a mut Disk) -> io::Result<&'a mut Content> {
        if !self.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let now_ms = disk.now_ms;
        let content = disk.content(self.generation, self.id)?;
        content.modified_ms = now_ms;
        Ok(content)
    }

    /// How many bytes from `position` on the volume still takes for this file.
    fn room(&self, disk: &mut Disk, position: u64) -> io::Result<usize> {
        let Some(capacity) = disk.capacity_bytes else { return Ok(usize::MAX) };
        let free = capacity.saturating_sub(disk.used_bytes());
        let len = disk.content(self.generation, self.id)?.len();
        Ok(usize::try_from((len + free).saturating_sub(position)).unwrap_or(usize::MAX))
    }
}

impl Drop for SimulatedFile {
    fn drop(&mut self) {
        let mut disk = self.disk.lock();
        if disk.generation != self.generation {
            return;
        }
        if let Some(handles) = disk.handles.get_mut(&self.id) {
            *handles -= 1;
            if *handles == 0 {
                disk.handles.remove(&self.id);
            }
        }
    }
}

impl File for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut disk = self.disk.lock();
        let is_unreadable = disk.faults.unreadable.contains(&self.id);
        let content = disk.content(self.generation, self.id)?;
        if is_unreadable {
            return Err(input_output_error());
        }
        Ok(content.read_at(buffer, position))
    }

    fn write_all_at(&self, buffers: &[&[u8]], position: u64) -> io::Result<()> {
        let mut bytes = buffers.concat();
        let mut disk = self.disk.lock();
        self.content(&mut disk)?;
        let mut outcome = disk.change();
        if outcome.is_err() {
            // The failure is met somewhere among the bytes.
            let part = Random::new(disk.changes).below(bytes.len() as u64 + 1);
            bytes.truncate(usize::try_from(part).unwrap_or(usize::MAX));
        }
        let room = self.room(&mut disk, position)?;
        if room < bytes.len() {
            bytes.truncate(room);
            outcome = outcome.and(Err(io::ErrorKind::StorageFull.into()));
        }
        self.content(&mut disk)?.write_at(bytes, position);
        outcome
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.disk.lock();
        self.content(&mut disk)?;
        disk.change()?;
        self.content(&mut disk)?.set_len(len);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock().content(self.generation, self.id)?.len())
    }

    fn modified_ms(&self) -> io::Result<i64> {
        Ok(self.disk.lock().content(self.generation, self.id)?.modified_ms)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.syncs += 1;
        disk.content(self.generation, self.id)?;
        let failed = disk.change().is_err() || disk.faults.fail_sync == Some(disk.syncs);
        let mut random = Random::new(disk.syncs);
        let content = disk.content(self.generation, self.id)?;
        if failed {
            content.lose_pending(|| random.below(2) == 0);
            return Err(input_output_error());
        }
        content.sync();
        Ok(())
    }

    fn try_lock(&self) -> io::Result<bool> {
        Ok(!self.disk.lock().faults.foreign_locks.contains(&self.path))
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

#[cfg(test)]
mod tests;
