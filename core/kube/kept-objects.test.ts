import assert from 'node:assert/strict'
import { KeptObjects } from './kept-objects.ts'
import type { V1ConfigMap } from './objects.ts'

describe('KeptObjects', () => {
  let told: unknown[]
  let objects: KeptObjects<V1ConfigMap, string>

  beforeEach(() => {
    told = []
    objects = new KeptObjects(
      ({ data }) => data?.['value'],
      (key, now, before) => {
        assert.equal(objects.get(key), now, 'the store has changed when it is told')
        told.push([key, before, now])
      },
    )
  })

  const object = (uid: string, version: string, value?: string): V1ConfigMap => ({
    metadata: { name: 'n', uid, resourceVersion: version },
    ...(value !== undefined && { data: { value } }),
  })

  it('takes a name that was given twice for two objects', () => {
    objects.set(object('u1', '1', 'a'))
    objects.set(object('u2', '2', 'b'))
    assert.deepEqual(told, [
      ['n', undefined, 'a'],
      ['n', 'a', undefined],
      ['n', undefined, 'b'],
    ])
  })

  it('does not let the late end of one object remove the next of its name', () => {
    objects.set(object('u2', '2', 'b'))
    objects.remove(object('u1', '1', 'a'))
    assert.deepEqual([...objects.entries()], [['n', 'b']])
  })

  it('tells nothing of a list that is as it was, and drops a list that is not done', () => {
    objects.set(object('u1', '1', 'a'))
    const unfinished = objects.startList()
    unfinished.add(object('u9', '9', 'z'))
    const list = objects.startList()
    list.add(object('u1', '1', 'a'))
    list.done()
    assert.deepEqual(told, [['n', undefined, 'a']])
  })

  it('holds nothing of what is not kept', () => {
    const list = objects.startList()
    list.add(object('u1', '1'))
    list.done()
    objects.set(object('u2', '2'))
    assert.equal(objects.size, 0)
    assert.deepEqual(told, [])
  })
})
