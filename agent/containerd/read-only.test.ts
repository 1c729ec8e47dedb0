import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'

/** Every call that the generated containerd clients are able to make. */
const callsOf = (pattern: string) =>
  globSync(pattern)
    .flatMap(file => [...readFileSync(file, 'utf8').matchAll(/path: "\/([\w.]+)\/(\w+)"/g)])
    .map(match => `${match[1]!.replace('containerd.services.', '')}/${match[2]}`)
    .sort()

describe('the containerd client', () => {
  it('has no call that changes anything', () => {
    assert.deepEqual(callsOf('proto/generated/containerd/**/*.ts'), [
      'content.v1.Content/Info',
      'content.v1.Content/List',
      'content.v1.Content/ListStatuses',
      'content.v1.Content/Read',
      'content.v1.Content/Status',
      'events.v1.Events/Subscribe',
      'images.v1.Images/Get',
      'images.v1.Images/List',
      'leases.v1.Leases/List',
      'leases.v1.Leases/ListResources',
      'namespaces.v1.Namespaces/List',
      'snapshots.v1.Snapshots/List',
      'snapshots.v1.Snapshots/Stat',
      'version.v1.Version/Version',
    ])
  })

  it('names no method by itself: all are of the generated clients', () => {
    const sources = globSync('agent/**/*.ts').filter(file => !file.endsWith('.test.ts'))
    for (const file of sources)
      assert.doesNotMatch(readFileSync(file, 'utf8'), /['"`]\/?containerd\.services|path: ['"`]/, file)
  })
})
