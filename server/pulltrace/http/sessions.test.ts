import assert from 'node:assert/strict'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import { maxEnded, Sessions, sessionLifeMs } from './sessions.ts'

describe('Sessions', () => {
  let clock: FakeClock
  let sessions: Sessions

  beforeEach(() => {
    clock = new FakeClock(1_000_000)
    sessions = new Sessions(Buffer.alloc(32, 7), clock)
  })

  it('opens what it sealed until its time is over, and nothing that was changed', () => {
    const cookie = sessions.seal('Bearer one')
    assert.equal(sessions.open(cookie), 'Bearer one')
    assert.equal(sessions.open(`${cookie.slice(0, -4)}AAAA`), undefined)
    clock.advance(sessionLifeMs)
    assert.equal(sessions.open(cookie), undefined)
  })

  it('opens no other spelling of a session, so that none outlives its signing out', () => {
    // Of three lengths, as the last letter has bits to spare for two of them.
    for (const authorization of ['Bearer a', 'Bearer ab', 'Bearer abc']) {
      const cookie = sessions.seal(authorization)
      const bytes = Buffer.from(cookie, 'base64url')
      const spellings = [
        ...['', '=', '==', '.', ' ', '\n', 'A'].flatMap(odd => [odd + cookie, cookie + odd]),
        `${cookie.slice(0, 9)}.${cookie.slice(9)}`,
        bytes.toString('base64'),
        ...[...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'].map(
          last => cookie.slice(0, -1) + last,
        ),
      ].filter(spelling => spelling !== cookie)
      for (const spelling of spellings) assert.equal(sessions.open(spelling), undefined, JSON.stringify(spelling))
      assert.equal(sessions.open(cookie), authorization)
      sessions.end(cookie)
      for (const spelling of [cookie, ...spellings]) assert.equal(sessions.open(spelling), undefined)
    }
  })

  it('remembers the newest of very many that were signed out', () => {
    const cookies = Array.from({ length: maxEnded + 1 }, () => sessions.seal('Bearer one'))
    for (const cookie of cookies) sessions.end(cookie)
    const open = cookies.filter(cookie => sessions.open(cookie) !== undefined)
    assert.deepEqual(open, cookies.slice(0, 1))
  })

  it('remembers nothing of what was no session', () => {
    const cookie = sessions.seal('Bearer one')
    sessions.end(cookie)
    for (let made = 0; made <= maxEnded; made++) sessions.end(`made-up-${made}`)
    assert.equal(sessions.open(cookie), undefined)
  })
})
