import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Interned, interned } from './intern.ts'

describe('interned', () => {
  it('gives back an equal text, whatever was asked before', () => {
    for (let index = 0; index < 50_000; index++)
      assert.equal(interned(`layer ${index % 30_000}`), `layer ${index % 30_000}`)
  })
})

describe('Interned', () => {
  it('gives the value that came first for each that is the same, and for no other', () => {
    const values = new Interned<{ readonly bytes: number }>((one, other) => one.bytes === other.bytes)
    const first = values.of('a', { bytes: 1 })
    assert.equal(values.of('a', { bytes: 1 }), first)
    assert.deepEqual(values.of('a', { bytes: 2 }), { bytes: 2 })
  })

  it('keeps nothing alive that nobody holds', async function () {
    this.timeout(20_000)
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const values = new Interned<readonly number[]>(() => true)
    const refs = Array.from({ length: 100 }, (_, index) => new WeakRef(values.of(`${index}`, [index])))
    while (refs.some(ref => ref.deref() !== undefined)) {
      await new Promise(setImmediate)
      collect()
    }
    assert.deepEqual(values.of('7', [7]), [7])
  })
})
