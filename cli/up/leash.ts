/**
 * Loaded before a program that `pulltrace up` starts (`node --import`): when the parent is gone,
 * however it went, its end of the channel closes, and the program is told to stop as if asked.
 * A child that is not told by its program's own end within ten seconds is killed: no orphan stays.
 */
const graceMs = 10_000

function letGo(): void {
  process.kill(process.pid, 'SIGTERM')
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), graceMs).unref()
}

if (process.channel) {
  process.once('disconnect', letGo)
  // A listener alone would keep a program alive that has ended.
  process.channel.unref()
} else if (process.env['PULLTRACE_LEASHED'] === 'true') {
  // The parent died while this process was starting.
  process.exit(1)
}
