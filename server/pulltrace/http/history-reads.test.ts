import assert from 'node:assert/strict'
import type { Context } from 'koa'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { HistoryReads, type ReadHistory } from './history-reads.ts'

describe('HistoryReads', () => {
  const history = {} as ReadHistory
  const client = () => ({ req: { socket: { destroyed: false } } })
  const asked = (reads: HistoryReads, by: object, read: () => Promise<unknown>) =>
    reads.ask(by as Context, async given => {
      assert.equal(given, history)
      return read()
    })

  it('reads two things at a time and lets 64 wait; whoever comes then is told when to come again', async () => {
    const reads = new HistoryReads(history)
    const ends: (() => void)[] = []
    const read = () => new Promise<void>(resolve => ends.push(resolve))
    const all = Array.from({ length: 66 }, () => asked(reads, client(), read))
    assert.equal(ends.length, 2)
    const refused = await asked(reads, client(), read).catch(PulltraceError.from)
    assert.ok(refused instanceof PulltraceError)
    assert.deepEqual([refused.code, refused.message], [Code.Unavailable, '64 searches of the history wait already'])
    assert.ok(refused.details.retryAfterSeconds! >= 2 && refused.details.retryAfterSeconds! < 5)
    for (let done = 0; done < 66; done++) {
      ends[done]!()
      await all[done]
      assert.equal(ends.length, Math.min(66, done + 3))
    }
  })

  it('reads nothing for a client that has gone before its turn', async () => {
    const reads = new HistoryReads(history)
    const first = Promise.withResolvers<void>()
    const running = [0, 1].map(() => asked(reads, client(), () => first.promise))
    const leaving = client()
    const left = asked(reads, leaving, () => assert.fail('read'))
    const stays = asked(reads, client(), async () => 'read')
    leaving.req.socket.destroyed = true
    first.resolve()
    await assert.rejects(left, { code: Code.Unavailable })
    assert.equal(await stays, 'read')
    await Promise.all(running)
  })
})
