import assert from 'node:assert/strict'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import { Guesses, guessLimits, networkOf } from './guesses.ts'

const minuteMs = 60_000

describe('Guesses', () => {
  let clock: FakeClock
  let guesses: Guesses
  beforeEach(() => {
    clock = new FakeClock(1e12)
    guesses = new Guesses(clock)
  })
  const tries = (count: number, name: string, address = '192.0.2.1') =>
    Array.from({ length: count }, () => guesses.begin(name, address).may)

  it('lets five wrong ones through, of a name in any case, and tells once that there are no more', () => {
    assert.deepEqual([...tries(3, 'alice'), ...tries(3, 'ALICE')], [true, true, true, true, true, false])
    assert.deepEqual(guesses.begin('alice', '192.0.2.1'), { may: false, waitMs: 15 * minuteMs, first: false })
  })

  it('tells of the first that is refused', () => {
    tries(5, 'alice')
    assert.equal((guesses.begin('alice', '192.0.2.1') as { first: boolean }).first, true)
  })

  it('waits 15 minutes from the last wrong one, and not longer by asking again', () => {
    tries(4, 'alice')
    clock.advance(10 * minuteMs)
    tries(3, 'alice')
    clock.advance(14 * minuteMs)
    assert.deepEqual(tries(3, 'alice'), [false, false, false])
    clock.advance(minuteMs)
    assert.deepEqual(tries(6, 'alice'), [true, true, true, true, true, false])
  })

  it('forgets each wrong one after 15 minutes', () => {
    for (let round = 0; round < 10; round++) {
      assert.deepEqual(tries(1, 'alice'), [true])
      clock.advance(4 * minuteMs)
    }
  })

  it('forgives a name whose password was right, and keeps others of that address waiting', () => {
    tries(5, 'bob')
    tries(4, 'alice')
    assert.equal(guesses.begin('alice', '192.0.2.1').may, true)
    guesses.right('alice', '192.0.2.1')
    assert.deepEqual(tries(5, 'alice'), [true, true, true, true, true])
    assert.deepEqual(tries(1, 'bob'), [false])
  })

  it('leaves the same name at another address alone', () => {
    tries(6, 'alice')
    assert.deepEqual(tries(1, 'alice', '192.0.2.2'), [true])
  })

  it('refuses an address that tries many names', () => {
    const answers = Array.from({ length: 80 }, (_, at) => guesses.begin(`user-${at}`, '2001:db8:1:2::1').may)
    assert.equal(answers.filter(may => may).length, guessLimits.perAddress)
    assert.equal(guesses.begin('new', '2001:db8:1:2:ffff::9').may, false)
    assert.equal(guesses.begin('new', '2001:db8:1:3::1').may, true)
  })

  it('takes an IPv6 subscriber as one', () => {
    const rows = [
      ['192.0.2.1', '192.0.2.1'],
      ['::ffff:192.0.2.1', '192.0.2.1'],
      ['::1', '0:0:0:0::/64'],
      ['2001:db8::1', '2001:db8:0:0::/64'],
      ['2001:0DB8:0:0:1:2:3:4', '2001:db8:0:0::/64'],
      ['fe80::1%eth0', 'fe80:0:0:0::/64'],
      ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
      ['not an address', 'not an address'],
    ] as const
    for (const [address, network] of rows) assert.equal(networkOf(address), network)
  })
})
