import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemClock } from '../../../core/lib/clock.ts'
import type { HistoryDatabase } from './history-database.ts'
import { CallFailed, WorkerClient } from './worker-client.ts'

describe('WorkerClient', () => {
  let folder: string
  let client: WorkerClient<HistoryDatabase>
  /** Waits for an answer that have begun: what is over was answered in time. */
  let waits: { readonly over: () => boolean; readonly end: () => void }[]
  const running = () => waits.filter(({ over }) => !over()).length
  const ask = () => client.callWith([], 'size')

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-worker-'))
    waits = []
    const sleep = (_: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        waits.push({ over: () => signal?.aborted === true, end: resolve })
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      })
    const file = path.join(folder, 'pulls.db')
    const start = { file, nowMs: 0, check: false, readOnly: false, lockTimeoutMs: 0 }
    const limits = { clock: { ...systemClock, sleep }, memoryMiB: 64, answerTimeoutMs: 60_000 }
    client = await WorkerClient.start('history-worker', start, limits)
  })

  afterEach(async () => {
    await client.terminate()
    rmSync(folder, { recursive: true })
  })

  it('waits for the call that the worker is at, not for those behind it', async () => {
    waits = []
    const calls = Array.from({ length: 100 }, ask)
    assert.equal(running(), 1)
    await calls[0]
    assert.ok(waits[0]!.over(), 'the first is answered')
    await Promise.all(calls)
    assert.deepEqual([waits.length, running()], [100, 0])
  })

  it('gives up all of them when that call is not answered', async () => {
    waits = []
    const calls = Array.from({ length: 3 }, ask)
    waits[0]!.end()
    for (const call of await Promise.allSettled(calls)) {
      const reason = call.status === 'rejected' ? call.reason : undefined
      assert.ok(reason instanceof CallFailed)
      assert.match(reason.message, /pulls\.db: no answer for 60 s/)
    }
    assert.equal(running(), 0)
  })
})
