//! One reading of this machine, through `sysinfo`: only what is shown, nothing that grows with the number of processes.

use std::path::Path;

use sysinfo::{DiskRefreshKind, Disks, System};

use crate::metric::glob::fits;

/// What a machine shows at one moment. Bytes are bytes, shares are 0 to 1.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Reading {
    /// Share of all processors that was busy since the reading before; unknown in the first one.
    pub(super) cpu: Option<f64>,
    /// Memory that is not available to programs, and all of it.
    pub(super) memory: (u64, u64),
    /// Swap in use, and all of it; zero where there is none.
    pub(super) swap: (u64, u64),
    /// Load averages over 1, 5 and 15 minutes.
    pub(super) load: [f64; 3],
    /// Seconds since the machine started.
    pub(super) uptime_seconds: u64,
    /// The watched filesystems.
    pub(super) filesystems: Vec<Filesystem>,
}

/// A filesystem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filesystem {
    /// What is mounted.
    pub(super) device: String,
    /// Where.
    pub(super) mountpoint: String,
    /// Its type.
    pub(super) kind: String,
    /// Bytes that programs cannot use any more, those reserved for the superuser included.
    pub(super) used: u64,
    /// All its bytes.
    pub(super) size: u64,
}

/// Reads the machine. Keeps what the next reading is compared with.
#[derive(Debug)]
pub(super) struct Reader {
    system: System,
    disks: Disks,
    watched: Vec<String>,
    warm: bool,
}

impl Reader {
    /// Watches the mount points that fit one of the globs; without one, every real filesystem.
    pub(super) fn new(watched: Vec<String>) -> Self {
        Self { system: System::new(), disks: Disks::new(), watched, warm: false }
    }

    /// Reads. May block on a filesystem that hangs; network filesystems are left out for that reason.
    pub(super) fn read(&mut self) -> Reading {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.disks.refresh_specifics(true, DiskRefreshKind::nothing().with_storage());
        let cpu = f64::from(self.system.global_cpu_usage()) / 100.0;
        let load = System::load_average();
        let first = !std::mem::replace(&mut self.warm, true);
        Reading {
            cpu: (!first && cpu.is_finite()).then(|| cpu.clamp(0.0, 1.0)),
            memory: (self.system.used_memory(), self.system.total_memory()),
            swap: (self.system.used_swap(), self.system.total_swap()),
            load: [load.one, load.five, load.fifteen],
            uptime_seconds: System::uptime(),
            filesystems: watched(self.mounted(), &self.watched),
        }
    }

    fn mounted(&self) -> Vec<Filesystem> {
        let text = |path: &std::ffi::OsStr| path.to_string_lossy().into_owned();
        self.disks
            .list()
            .iter()
            .map(|disk| Filesystem {
                device: text(disk.name()),
                mountpoint: text(disk.mount_point().as_os_str()),
                kind: text(disk.file_system()),
                used: disk.total_space().saturating_sub(disk.available_space()),
                size: disk.total_space(),
            })
            .collect()
    }
}

/// The most filesystems that are shown.
const MAX_FILESYSTEMS: usize = 64;

/// Types that hold data. Everything else is the kernel's own, a view of another one, or memory.
const REAL: [&str; 20] = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "bcachefs", "f2fs", "jfs", "reiserfs", "vfat", "exfat", "ntfs",
    "ntfs3", "fuseblk", "virtiofs", "apfs", "hfs", "ufs", "9p",
];

/// Keeps what is watched, each device once. Bind mounts show a device again, and in containers even single files.
fn watched(mut all: Vec<Filesystem>, globs: &[String]) -> Vec<Filesystem> {
    all.retain(|filesystem| {
        let place = filesystem.mountpoint.as_str();
        let wanted = if globs.is_empty() {
            // Whatever the root is, it fills up: in a container it is an overlay.
            place == "/" || REAL.contains(&filesystem.kind.as_str())
        } else {
            globs.iter().any(|glob| fits(glob, place))
        };
        wanted && filesystem.size > 0
    });
    all.sort_by(|a, b| depth(a).cmp(&depth(b)).then_with(|| a.mountpoint.cmp(&b.mountpoint)));
    if globs.is_empty() {
        let mut devices = std::collections::HashSet::new();
        all.retain(|filesystem| devices.insert(filesystem.device.clone()));
    }
    all.truncate(MAX_FILESYSTEMS);
    all
}

fn depth(filesystem: &Filesystem) -> usize {
    Path::new(&filesystem.mountpoint).components().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounted(device: &str, mountpoint: &str, kind: &str) -> Filesystem {
        let text = str::to_owned;
        Filesystem { device: text(device), mountpoint: text(mountpoint), kind: text(kind), used: 1, size: 2 }
    }

    fn places(globs: &[&str]) -> Vec<String> {
        let all = vec![
            mounted("/dev/sda1", "/var/lib/docker/volumes", "ext4"),
            mounted("/dev/sda1", "/", "ext4"),
            mounted("/dev/sdb1", "/data/with space", "xfs"),
            mounted("overlay", "/var/lib/docker/overlay2/x/merged", "overlay"),
            mounted("lxcfs", "/var/lib/lxcfs", "fuse.lxcfs"),
            Filesystem { size: 0, ..mounted("/dev/sdc", "/empty", "ext4") },
        ];
        let globs: Vec<String> = globs.iter().map(|glob| (*glob).to_owned()).collect();
        watched(all, &globs).into_iter().map(|filesystem| filesystem.mountpoint).collect()
    }

    #[test]
    fn every_real_filesystem_is_watched_once_unless_globs_say_otherwise() {
        assert_eq!(places(&[]), ["/", "/data/with space"]);
        assert_eq!(places(&["/data/*", "/var/lib/docker/volumes"]), ["/data/with space", "/var/lib/docker/volumes"]);
        assert_eq!(places(&["/nowhere"]), [""; 0]);
    }

    #[test]
    fn the_root_of_a_container_is_real() {
        let seen = watched(vec![mounted("overlay", "/", "overlay"), mounted("/dev/vda1", "/etc/hosts", "ext4")], &[]);
        assert_eq!(seen[0].mountpoint, "/");
    }

    #[test]
    fn this_machine_can_be_read() {
        let mut reader = Reader::new(Vec::new());
        let first = reader.read();
        assert!(first.cpu.is_none(), "a share needs two readings");
        assert!(first.memory.0 > 0 && first.memory.0 <= first.memory.1);
        assert!(first.uptime_seconds > 0);
        assert!(reader.read().cpu.is_some_and(|cpu| (0.0..=1.0).contains(&cpu)));
    }
}
