import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

/** Stops itself, says when it goes on, and ends. */
const program = `
  import { openJob } from ${JSON.stringify(new URL('./job.ts', import.meta.url).href)}
  const job = openJob(() => console.log('asked'), () => {
    console.log('continued')
    job.close()
  })
  job.stop()`
const node = ['--input-type=module', '--eval', program]

describe('openJob', function () {
  this.timeout(20_000)

  it('stops what it is told to stop until a shell continues it', async () => {
    // In a session of its own, so that nothing else can be stopped.
    const script = `set -m
      "$@" &
      wait %1; echo "stopped: $(( $? > 128 ))"
      kill -CONT %1; wait %1; echo "ended: $?"`
    const shell = spawn('bash', ['-c', script, 'bash', process.execPath, ...node], {
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    })
    const [out] = await Promise.all([text(shell.stdout), once(shell, 'exit')])
    assert.equal(out, 'stopped: 1\ncontinued\nended: 0\n')
  })

  it('goes on by itself where no shell could continue it', async () => {
    // The leader of a session of its own.
    const child = spawn(process.execPath, node, { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
    const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
    assert.deepEqual([out, code], ['continued\n', 0])
  })
})
