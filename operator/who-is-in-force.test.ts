import assert from 'node:assert/strict'
import fc from 'fast-check'
import { inForceOf } from './who-is-in-force.ts'

const config = (uid: string, creationTimestamp: string, deletionTimestamp?: string) => ({
  metadata: { name: `config-${uid}`, uid, creationTimestamp, ...(deletionTimestamp && { deletionTimestamp }) },
})

describe('inForceOf', () => {
  const old = config('b', '2026-11-21T10:00:00Z')
  const young = config('a', '2026-11-21T10:00:01Z')
  for (const { name, configs, uid } of [
    { name: 'is nobody when there is none', configs: [], uid: undefined },
    { name: 'is the oldest', configs: [young, old], uid: 'b' },
    { name: 'is the lower UID of two of one second', configs: [old, config('a', '2026-11-21T10:00:00Z')], uid: 'a' },
    {
      name: 'stays the one that is being deleted until it is gone',
      configs: [config('c', '2026-11-21T09:00:00Z', '2026-11-21T11:00:00Z'), old],
      uid: 'c',
    },
  ]) {
    it(name, () => assert.equal(inForceOf(configs)?.metadata.uid, uid))
  }

  it('is the same whatever the order in which they are known', () => {
    const any = fc.uniqueArray(fc.tuple(fc.uuid(), fc.integer({ min: 0, max: 3 })), {
      selector: ([uid]) => uid,
      minLength: 1,
    })
    fc.assert(
      fc.property(any, list => {
        const configs = list.map(([uid, second]) => config(uid, `2026-11-21T10:00:0${second}Z`))
        assert.equal(inForceOf(configs), inForceOf(configs.toReversed()))
      }),
    )
  })
})
