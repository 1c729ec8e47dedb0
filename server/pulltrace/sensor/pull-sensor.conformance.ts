import assert from 'node:assert/strict'
import { EventBufferFull } from '../../../sdk/typescript/src/index.ts'
import type { PullSensor } from './pull-sensor.ts'

export interface OpenedSensor extends AsyncDisposable {
  readonly sensor: PullSensor
}

/**
 * What the server relies on of a sensor. `open`: two rules match records with `phase: failed`, `observe` and then
 * `fail`; the buffer holds three events.
 */
export function describePullSensor(kind: string, open: () => Promise<OpenedSensor>): void {
  describe(`PullSensor: ${kind}`, () => {
    const hit = { phase: 'failed' }

    it('says how many rules are in force, and passes what none of them matches', async () => {
      await using opened = await open()
      const { sensor } = opened
      assert.deepEqual([sensor.state, sensor.stats().rules], ['READY', 2])
      assert.deepEqual(sensor.check({ phase: 'completed' }).matches, [])
    })

    it('tells every match with its rule, and throws for none', async () => {
      await using opened = await open()
      const { action, matches } = opened.sensor.check(hit, { pull_id: 'a' })
      assert.equal(action, 'fail')
      assert.deepEqual(
        matches.map(match => [match.action, match.version, match.eventId !== undefined]),
        [
          ['observe', 1, true],
          ['fail', 1, true],
        ],
      )
      assert.equal(opened.sensor.stats().events.buffered, 2)
    })

    it('makes no event of a match that is skipped', async () => {
      await using opened = await open()
      const { sensor } = opened
      const [first] = sensor.check(hit).matches
      const skipEvent = ({ ruleId, version }: { ruleId: string; version: number }) =>
        ruleId === first!.ruleId && version === first!.version
      const { matches } = sensor.check(hit, {}, { skipEvent })
      assert.deepEqual(
        matches.map(({ eventId }) => eventId !== undefined),
        [false, true],
      )
      assert.equal(sensor.stats().events.buffered, 3)
    })

    it('hands out the outcome when an event finds no room, and has room again once it was flushed', async () => {
      await using opened = await open()
      const { sensor } = opened
      sensor.check(hit)
      assert.throws(
        () => sensor.check(hit),
        (error: unknown) => {
          assert.ok(error instanceof EventBufferFull)
          assert.deepEqual(
            error.outcome.matches.map(({ eventId }) => eventId !== undefined),
            [true, false],
          )
          return true
        },
      )
      const { error, accepted } = await sensor.flush()
      assert.deepEqual([error, accepted, sensor.stats().events.buffered], [undefined, 3, 0])
      sensor.check(hit)
    })
  })
}
