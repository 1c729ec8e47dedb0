import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Layer } from '../contract/pull.ts'
import { layerStates } from '../contract/words.ts'
import { layer } from './build.fake.ts'
import { completedLayers, keptLayers, layersFrom, layersOf, newBytesOf, noLayers } from './layers.ts'

/** Looks at one pull whose layers come, go, change places and move. */
const looks = fc.array(
  fc.uniqueArray(
    fc.record(
      {
        digest: fc.constantFrom('a', 'b', 'c', 'd'),
        totalBytes: fc.constantFrom(100, 200),
        downloadedBytes: fc.integer({ min: 0, max: 100 }),
        totalKnown: fc.boolean(),
        restarts: fc.nat(2),
        state: fc.constantFrom(...layerStates),
      },
      { noNullPrototype: true },
    ),
    { selector: ({ digest }) => digest },
  ),
  { minLength: 1, maxLength: 6 },
)

const kept = (...reports: (readonly Layer[])[]) => reports.reduce(keptLayers, noLayers)

describe('keptLayers', () => {
  it('is what was reported last, whatever came before', () => {
    fc.assert(
      fc.property(looks, reports => assert.deepEqual(layersOf(kept(...reports)), reports.at(-1))),
      { numRuns: 500 },
    )
  })

  it('is the same object when a report says the same again', () => {
    fc.assert(
      fc.property(looks, reports => {
        const layers = kept(...reports)
        assert.equal(keptLayers(layers, structuredClone(reports.at(-1)!)), layers)
      }),
    )
  })

  it('leaves the layers before it as they were', () => {
    const before = kept([layer('a', 10), layer('b', 0)])
    const then = layersOf(before)
    keptLayers(before, [layer('a', 20), layer('b', 5, 1000, { restarts: 1 })])
    assert.deepEqual(layersOf(before), then)
  })

  it('shares what nodes that pull the same image say of it', () => {
    const report = () => [layer('shared-a', 10), layer('shared-b', 0)]
    assert.equal(kept(report()).facts, kept(report()).facts)
  })

  it('lets the media type that was known first stand', () => {
    const [first] = layersOf(kept([layer('a', 0, 1000, { mediaType: 'x' })], [layer('a', 1, 2000, { mediaType: 'y' })]))
    assert.deepEqual([first!.mediaType, first!.totalBytes], ['x', 2000])
  })

  it('never holds more of a layer than there is of it', () => {
    assert.equal(layersOf(kept([layer('a', 1500, 1000)]))[0]!.downloadedBytes, 1000)
  })
})

describe('newBytesOf', () => {
  it('is what arrived by layers that were there before, in whatever order they are told', () => {
    const before = kept([layer('a', 10), layer('b', 20)])
    const after = keptLayers(before, [layer('new', 500), layer('b', 50), layer('a', 10)])
    assert.equal(newBytesOf(before, after), 30)
  })

  it('counts neither a fall nor what was cached', () => {
    const before = kept([layer('a', 10), layer('b', 0)])
    const after = keptLayers(before, [layer('a', 0), layer('b', 1000, 1000, { state: 'cached' })])
    assert.equal(newBytesOf(before, after), 0)
  })
})

describe('completedLayers', () => {
  it('has all of each layer, and says of none that was there already that it was fetched', () => {
    const layers = completedLayers(kept([layer('a', 10), layer('b', 1000, 1000, { state: 'cached' })]))
    assert.deepEqual(
      layersOf(layers).map(({ downloadedBytes, state }) => [downloadedBytes, state]),
      [
        [1000, 'done'],
        [1000, 'cached'],
      ],
    )
    assert.equal(completedLayers(layers), layers)
  })
})

describe('layersFrom', () => {
  it('is the way back from layersOf', () => {
    fc.assert(
      fc.property(looks, reports => {
        const layers = kept(...reports)
        assert.deepEqual(layersOf(layersFrom(layersOf(layers))), layersOf(layers))
      }),
    )
  })
})
