//! Metrics of the process and its runtime.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use platform_settings::secret_file_states;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::encode::{counter, gauge};

/// The process and its runtime. What the operating system does not report is left out.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) started: SystemTime,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let runtime = tokio::runtime::Handle::try_current().ok().map(|runtime| runtime.metrics());
        let count = |count: usize| i64::try_from(count).ok();
        let values = [
            ("process_resident_memory_bytes", "Resident memory size in bytes", resident_bytes()),
            ("process_open_fds", "Number of open file descriptors", open_files()),
            ("process_max_fds", "Maximum number of open file descriptors", max_files()),
            (
                "tokio_workers",
                "Worker threads of the Tokio runtime",
                runtime.as_ref().and_then(|runtime| count(runtime.num_workers())),
            ),
            (
                "tokio_alive_tasks",
                "Tokio tasks alive",
                runtime.as_ref().and_then(|runtime| count(runtime.num_alive_tasks())),
            ),
            (
                "tokio_global_queue_depth",
                "Tokio tasks in the global queue",
                runtime.as_ref().and_then(|runtime| count(runtime.global_queue_depth())),
            ),
        ];
        for (name, help, value) in values {
            if let Some(value) = value {
                gauge(&mut encoder, name, help, value)?;
            }
        }
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        gauge(
            &mut encoder,
            "process_start_time_seconds",
            "Start time of the process since the Unix epoch in seconds",
            started,
        )?;
        let files = secret_file_states();
        let rejected = files.iter().filter(|file| file.is_rejected).count();
        let help = "Secrets whose file cannot be read or has an invalid value, so that the previous value is used";
        gauge(&mut encoder, "secret_files_rejected", help, count(rejected).unwrap_or_default())?;
        let help = "New values of secrets read from their files";
        counter(&mut encoder, "secret_file_changes", help, files.iter().map(|file| file.changes).sum::<u64>())?;
        let help = "Invalid new values of secrets in their files, and times a file became unreadable";
        counter(&mut encoder, "secret_file_rejections", help, files.iter().map(|file| file.rejections).sum::<u64>())?;
        let Some(seconds) = cpu_seconds() else { return Ok(()) };
        counter(&mut encoder, "process_cpu_seconds", "Total user and system CPU time spent in seconds", seconds)
    }
}

fn max_files() -> Option<i64> {
    use nix::sys::resource::{Resource, getrlimit};
    i64::try_from(getrlimit(Resource::RLIMIT_NOFILE).ok()?.0).ok()
}

fn cpu_seconds() -> Option<f64> {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike as _;
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    Some((usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6)
}

fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok().map(|kibibytes| kibibytes * 1024)
}

fn open_files() -> Option<i64> {
    let open = std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd")).ok()?.count();
    // Minus the directory handle that is being read.
    i64::try_from(open).ok().map(|open| open - 1)
}
