import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

describe('the output of bin/pulltrace', () => {
  const bin = fileURLToPath(new URL('../bin/pulltrace', import.meta.url))

  it('says once that the disk is full when its output cannot be written', async () => {
    const full = openSync('/dev/full', 'w')
    const child = spawn(bin, ['--help'], { stdio: ['ignore', full, 'pipe'] })
    closeSync(full)
    const [err, [code]] = await Promise.all([text(child.stderr!), once(child, 'exit')])
    assert.equal(code, 1)
    assert.match(err, /^pulltrace: the output cannot be written: .*no space left on device.*\n$/)
  }).timeout(20_000)

  it('ends in silence when whoever read its output has gone', async () => {
    const child = spawn(bin, ['--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    const [err, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
    assert.deepEqual([code, err], [0, ''])
  }).timeout(20_000)
})
