import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Counts } from './reporter.ts'

/** Of a run of mocha in a process of its own, whose tests throw these, one after the other. */
async function countsOf(thrown: readonly string[]): Promise<Counts> {
  await using folder = await mkdtempDisposable(path.join(tmpdir(), 'pulltrace-reporter-'))
  const file = path.join(folder.path, 'thrown.test.cjs')
  await writeFile(file, thrown.map((what, index) => `it('test ${index}', () => { throw ${what} })\n`).join(''))
  const args = ['--no-config', '--reporter', path.resolve('test/reporter.ts'), file]
  const child = fork('node_modules/mocha/bin/mocha.js', args, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  const ended = once(child, 'exit')
  try {
    const [counts] = await once(child, 'message', { signal: AbortSignal.timeout(30_000) })
    return counts as Counts
  } finally {
    child.kill()
    await ended
  }
}

describe('Reporter', function () {
  this.timeout(40_000)

  it('tells why each test failed, whatever was thrown', async () => {
    const thrown = [
      "new Error('one line\\nand another')",
      "new Error('\\nafter an empty line')",
      'new AggregateError([])',
      "Object.assign(new Error('x'), { message: { code: 1 } })",
      "Object.assign(new Error('x'), { message: undefined })",
      "'a string'",
    ]
    assert.deepEqual(await countsOf(thrown), {
      passes: 0,
      failures: 6,
      failed: [
        'test 0: one line',
        'test 1: after an empty line',
        'test 2: AggregateError',
        'test 3: [object Object]',
        'test 4: Error',
        'test 5: the string "a string" was thrown, throw an Error :)',
      ],
    })
  })
})
