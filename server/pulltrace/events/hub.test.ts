import assert from 'node:assert/strict'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import type { Emission } from './emission.ts'
import { everyPull } from './filter.ts'
import { EventHub, ringDefaults } from './hub.ts'
import { pullState } from './pull-state.fake.ts'

describe('EventHub', () => {
  let hub: EventHub
  let told: string[]

  beforeEach(() => {
    hub = new EventHub({ clock: new FakeClock(), epoch: 'one', ...ringDefaults })
    told = []
    const wordsOf = ({ seq, type, pull }: Emission) => `${seq} ${type} ${pull.id} ${pull.downloadedBytes}`
    hub.listen(batch => told.push(...batch.map(wordsOf)))
  })

  const at = (downloadedBytes: number, more = {}) => pullState('web', { downloadedBytes, ...more })
  const start = () => hub.publish([{ type: 'pull.started', pull: at(0) }])
  const moved = (bytes: number) => hub.publish([{ type: 'pull.progress', pull: at(bytes) }])
  const shown = () => hub.snapshot(everyPull).pulls.map(pull => pull.downloadedBytes)

  it('knows the newest of a pull at once, and shows it with the flush', () => {
    start()
    moved(10)
    assert.deepEqual([hub.get('web')?.downloadedBytes, shown()], [10, [0]])
    hub.flush()
    assert.deepEqual([hub.get('web')?.downloadedBytes, shown()], [10, [10]])
  })

  it('tells the newest progress once in a flush, and nothing in a flush without news', () => {
    start()
    for (const bytes of [10, 20, 30]) moved(bytes)
    hub.flush()
    hub.flush()
    assert.deepEqual(told, ['1 pull.started web 0', '2 pull.progress web 30'])
  })

  it('tells no progress after the end, and none of what it was before a pull began anew', () => {
    start()
    moved(10)
    hub.publish([{ type: 'pull.failed', pull: at(15, { phase: 'unknown' }) }])
    moved(20)
    hub.flush()
    assert.deepEqual(told, ['1 pull.started web 0', '2 pull.failed web 15', '3 pull.progress web 20'])
  })

  it('tells once what waited when a kept event came in between', () => {
    hub.publish([{ type: 'pull.started', pull: pullState('queued') }])
    start()
    moved(10)
    hub.publish([{ type: 'pull.progress', pull: at(20, { replaces: ['queued'] }) }])
    moved(30)
    hub.flush()
    const ofWeb = told.filter(words => words.includes(' web '))
    assert.deepEqual(ofWeb, ['2 pull.started web 0', '3 pull.progress web 20', '5 pull.progress web 30'])
    assert.equal(hub.get('queued'), undefined)
  })
})
