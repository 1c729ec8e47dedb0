import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { ContentService } from '../../proto/generated/containerd/services/content/v1/content.ts'
import { EventsService } from '../../proto/generated/containerd/services/events/v1/events.ts'
import { ImagesService } from '../../proto/generated/containerd/services/images/v1/images.ts'
import { LeasesService } from '../../proto/generated/containerd/services/leases/v1/leases.ts'
import { NamespacesService } from '../../proto/generated/containerd/services/namespaces/v1/namespace.ts'
import { SnapshotsService } from '../../proto/generated/containerd/services/snapshots/v1/snapshots.ts'
import { VersionService } from '../../proto/generated/containerd/services/version/v1/version.ts'
import { GrpcConnection } from './grpc.ts'
import { readMethods } from './read-methods.ts'

const shortOf = (path: string) => path.replace('/containerd.services.', '')

describe('the containerd client', () => {
  it('has no call that changes anything', () => {
    assert.deepEqual(
      Object.values(readMethods)
        .map(({ path }) => shortOf(path))
        .sort(),
      [
        'content.v1.Content/Info',
        'content.v1.Content/ListStatuses',
        'content.v1.Content/Read',
        'events.v1.Events/Subscribe',
        'images.v1.Images/Get',
        'images.v1.Images/List',
        'leases.v1.Leases/List',
        'leases.v1.Leases/ListResources',
        'namespaces.v1.Namespaces/List',
        'snapshots.v1.Snapshots/Stat',
        'version.v1.Version/Version',
      ],
    )
  })

  it('takes each of its methods from the generated services', () => {
    const services = [
      ContentService,
      EventsService,
      ImagesService,
      LeasesService,
      NamespacesService,
      SnapshotsService,
      VersionService,
    ]
    const generated = new Set<unknown>(services.flatMap(service => Object.values(service)))
    for (const method of Object.values(readMethods)) assert.ok(generated.has(method), method.path)
  })

  it('is refused what is not on its list, by the compiler and while it runs', async () => {
    const connection = new GrpcConnection('/nowhere.sock', 1_000, Object.values(readMethods))
    const options = { namespace: '', request: { filters: [] } }
    // @ts-expect-error its path is not one of the list
    const asked = connection.ask(ContentService.list, options)
    await assert.rejects(asked, /Content\/List' is not a method that may be called/)
  })

  it('reaches the socket in one place only, which sends no method that is not on its list', () => {
    const opensSockets = /from '(node:(net|http2|tls)|@grpc\/grpc-js)'/
    const sources = globSync('agent/**/*.ts').filter(file => !/\.(test|fake)\.ts$/.test(file))
    const holding = (pattern: RegExp) => sources.filter(file => pattern.test(readFileSync(file, 'utf8')))
    assert.deepEqual(holding(opensSockets), ['agent/containerd/grpc.ts'])
    assert.deepEqual(holding(/new GrpcConnection\(/), ['agent/containerd/client.ts'])
  })
})

describe('the declarations of containerd (proto/containerd)', () => {
  it('have no call that changes anything', () => {
    const calls = globSync('proto/generated/containerd/**/*.ts')
      .flatMap(file => [...readFileSync(file, 'utf8').matchAll(/path: "(\/[\w.]+\/\w+)"/g)])
      .map(match => shortOf(match[1]!))
    assert.deepEqual(calls.sort(), [
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
})
