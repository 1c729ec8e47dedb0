import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { systemClock } from '../lib/clock.ts'
import { silentLogger } from '../lib/log.ts'
import type { KubeApi } from './kube-api.ts'
import { KubeError } from './kube-error.ts'
import { LeaderElection } from './leader.ts'
import type { KubeObject, Resource, V1ConfigMap } from './objects.ts'
import { EventRecorder } from './recorder.ts'
import { Reflector } from './reflector.ts'
import { configMaps, leases, newEvents, serviceAccounts } from './resources.ts'
import { watchEvents } from './watch-events.ts'

const namespace = 'default'

/**
 * What core/kube promises, against any API server: the real one, and the stand-in that other tests lean on. `open`
 * gives an api that may do everything; only objects with names of their own are made in the namespace `default`,
 * and they are removed.
 */
export function describeKubeApi(open: () => Promise<KubeApi>): void {
  // A suite of its own, so that its objects are removed before its caller's server is.
  describe('KubeApi', () => suite(open))
}

function suite(open: () => Promise<KubeApi>): void {
  let api: KubeApi
  const made: { resource: Resource<KubeObject>; name: string }[] = []
  const nameFor = (resource: Resource<KubeObject>): string => {
    const name = `conformance-${randomBytes(6).toString('hex')}`
    made.push({ resource, name })
    return name
  }
  const configMap = (name: string, data: Record<string, string>, labels?: Record<string, string>): V1ConfigMap => ({
    metadata: { name, namespace, ...(labels && { labels }) },
    data,
  })
  const create = (data: Record<string, string>, labels?: Record<string, string>) =>
    api.create(configMaps, configMap(nameFor(configMaps), data, labels))
  const nameOf = (object: KubeObject) => object.metadata!.name!
  const versionOf = (object: KubeObject) => object.metadata!.resourceVersion!

  before(async () => {
    api = await open()
  })

  after(async () => {
    for (const { resource, name } of made) await api.delete(resource, name, { namespace })
    api.close()
  })

  describe('objects', () => {
    it('gives undefined for what is not there', async () => {
      assert.equal(await api.get(configMaps, 'conformance-nobody-made-this', { namespace }), undefined)
    })

    it('creates once, and says that it exists the second time', async () => {
      const object = await create({ a: '1' })
      assert.ok(object.metadata?.uid)
      assert.match(object.metadata.creationTimestamp!, /^\d{4}-\d\d-\d\dT/)
      assert.deepEqual((await api.get(configMaps, nameOf(object), { namespace }))?.data, { a: '1' })
      await assert.rejects(api.create(configMaps, configMap(nameOf(object), {})), {
        name: 'KubeError',
        status: 409,
        reason: 'AlreadyExists',
      })
    })

    it('lists page by page, at one version, by label', async () => {
      const run = randomBytes(4).toString('hex')
      const names = []
      for (let each = 0; each < 3; each++) names.push(nameOf(await create({}, { run })))
      await create({}, { run: 'another' })
      const first = await api.list(configMaps, { namespace, labelSelector: `run=${run}`, limit: 2 })
      assert.equal(first.items.length, 2)
      assert.ok(first.continue)
      const query = { namespace, labelSelector: `run=${run}`, limit: 2, continue: first.continue }
      const second = await api.list(configMaps, query)
      assert.deepEqual([...first.items, ...second.items].map(nameOf).sort(), names.sort())
      assert.equal(second.continue, undefined)
      assert.equal(second.resourceVersion, first.resourceVersion)
    })

    it('replaces what was read, and refuses to replace what has changed since', async () => {
      const old = await create({ a: '1' })
      const now = await api.replace(configMaps, { ...old, data: { a: '2' } })
      assert.notEqual(versionOf(now), versionOf(old))
      await assert.rejects(api.replace(configMaps, { ...old, data: { a: '3' } }), { status: 409, reason: 'Conflict' })
      assert.deepEqual((await api.get(configMaps, nameOf(old), { namespace }))?.data, { a: '2' })
    })

    it('deletes only the object with the UID asked for, and what is gone already', async () => {
      const object = await create({})
      const name = nameOf(object)
      const other = { namespace, uid: '00000000-0000-4000-8000-000000000000' }
      await assert.rejects(api.delete(configMaps, name, other), { status: 409 })
      await api.delete(configMaps, name, { namespace, uid: object.metadata!.uid })
      assert.equal(await api.get(configMaps, name, { namespace }), undefined)
      await api.delete(configMaps, name, { namespace })
    })

    it('rejects with the reason when there is nothing to replace', async () => {
      const absent = configMap('conformance-nobody-made-this', {})
      await assert.rejects(api.replace(configMaps, absent), (error: unknown) => {
        assert.ok(error instanceof KubeError)
        // A real one takes a PUT of what is not there for a creation where the kind allows it.
        assert.deepEqual([error.status, error.reason], [404, 'NotFound'])
        return true
      })
    })
  })

  describe('server-side apply', () => {
    const apply = (name: string, data: Record<string, string>, fieldManager: string, force = false) =>
      api.apply(configMaps, configMap(name, data), { fieldManager, force })

    it('creates, changes, and removes what is no longer applied', async () => {
      const name = nameFor(configMaps)
      await apply(name, { a: '1', b: '1' }, 'one')
      assert.deepEqual((await apply(name, { a: '2' }, 'one')).data, { a: '2' })
    })

    it('leaves the fields of another manager alone', async () => {
      const name = nameFor(configMaps)
      await apply(name, { a: '1' }, 'one')
      assert.deepEqual((await apply(name, { b: '1' }, 'two')).data, { a: '1', b: '1' })
      assert.deepEqual((await apply(name, { a: '2' }, 'one')).data, { a: '2', b: '1' })
    })

    it('says when another manager has a field at another value, and takes it by force', async () => {
      const name = nameFor(configMaps)
      await apply(name, { a: '1' }, 'one')
      await assert.rejects(apply(name, { a: '2' }, 'two'), { status: 409, reason: 'Conflict' })
      assert.deepEqual((await apply(name, { a: '2' }, 'two', true)).data, { a: '2' })
    })

    it('makes no new version when nothing changes', async () => {
      const name = nameFor(configMaps)
      const first = await apply(name, { a: '1' }, 'one')
      assert.equal(versionOf(await apply(name, { a: '1' }, 'one')), versionOf(first))
    })
  })

  describe('watch', () => {
    it('tells what came, changed and went since a version, until the signal aborts', async () => {
      const { resourceVersion } = await api.list(configMaps, { namespace, limit: 1 })
      const object = await create({ a: '1' })
      await api.replace(configMaps, { ...object, data: { a: 'é✓😀' } })
      await api.delete(configMaps, nameOf(object), { namespace })
      const stop = new AbortController()
      const fieldSelector = `metadata.name=${nameOf(object)}`
      const query = { namespace, fieldSelector, resourceVersion, timeoutSeconds: 60, signal: stop.signal }
      const seen: unknown[] = []
      await assert.rejects(
        async () => {
          for await (const event of watchEvents<V1ConfigMap>(await api.watch(configMaps, query))) {
            if (event.type === 'BOOKMARK') continue
            seen.push([event.type, event.object.data?.['a']])
            if (seen.length === 3) stop.abort()
          }
        },
        { name: 'AbortError' },
      )
      assert.deepEqual(seen, [
        ['ADDED', '1'],
        ['MODIFIED', 'é✓😀'],
        ['DELETED', 'é✓😀'],
      ])
    })

    it('holds what is there and follows it, an object that was made anew as another one', async () => {
      const name = nameFor(configMaps)
      const seen: unknown[] = []
      let next = Promise.withResolvers<void>()
      const until = async (count: number) => {
        while (seen.length < count) await next.promise
      }
      const reflector = new Reflector<V1ConfigMap, string>({
        api,
        resource: configMaps,
        namespace,
        keep: object => (nameOf(object) === name ? object.data?.['a'] : undefined),
        changed: (key, now, before) => {
          seen.push([key, before, now])
          next.resolve()
          next = Promise.withResolvers()
        },
        clock: systemClock,
        log: silentLogger,
      })
      const stop = new AbortController()
      const running = reflector.run(stop.signal)
      await reflector.whenSynced()
      await api.apply(configMaps, configMap(name, { a: '1' }), { fieldManager: 'one' })
      await api.apply(configMaps, configMap(name, { a: '2' }), { fieldManager: 'one' })
      await api.delete(configMaps, name, { namespace })
      await api.create(configMaps, configMap(name, { a: '3' }))
      await until(4)
      const key = `${namespace}/${name}`
      assert.deepEqual(seen, [
        [key, undefined, '1'],
        [key, '1', '2'],
        [key, '2', undefined],
        [key, undefined, '3'],
      ])
      assert.deepEqual([...reflector.values()], ['3'])
      stop.abort()
      await running
    })
  })

  describe('who is who', () => {
    it('makes a token of a ServiceAccount that a review knows, for its audience only', async () => {
      const account = nameFor(serviceAccounts)
      await api.create(serviceAccounts, { metadata: { name: account, namespace } })
      const spec = { audiences: ['conformance'], expirationSeconds: 600 }
      const { token, expiresAt } = await api.createToken(namespace, account, spec)
      assert.ok(Date.parse(expiresAt) > Date.now())
      const known = await api.tokenReview(token, ['conformance'])
      assert.equal(known.authenticated, true)
      assert.equal(known.user?.username, `system:serviceaccount:${namespace}:${account}`)
      assert.deepEqual(known.audiences, ['conformance'])
      assert.notEqual((await api.tokenReview(token, ['another'])).authenticated, true)
      assert.notEqual((await api.tokenReview('rubbish', ['conformance'])).authenticated, true)
    })

    it('says what somebody may do', async () => {
      const resourceAttributes = { verb: 'delete', resource: 'nodes', name: 'a' }
      const { allowed } = await api.subjectAccessReview({ user: 'nobody', resourceAttributes })
      assert.equal(allowed, false)
    })
  })

  describe('Lease and Events', () => {
    it('lets one of two lead, and the other as soon as the first gives up', async () => {
      const name = nameFor(leases)
      const times = { leaseMs: 5000, renewWithinMs: 3000, retryMs: 100 }
      const order: string[] = []
      const stops = [new AbortController(), new AbortController()]
      const election = (identity: string) =>
        new LeaderElection({ api, namespace, name, identity, clock: systemClock, log: silentLogger, times })
      const firstLeads = Promise.withResolvers<void>()
      const secondLeads = Promise.withResolvers<void>()
      const until = (signal: AbortSignal) =>
        new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
      const first = election('one').run(stops[0]!.signal, async signal => {
        order.push('one leads')
        firstLeads.resolve()
        await until(signal)
        order.push('one is done')
      })
      await firstLeads.promise
      const second = election('two').run(stops[1]!.signal, async signal => {
        order.push('two leads')
        secondLeads.resolve()
        await until(signal)
      })
      stops[0]!.abort()
      await first
      await secondLeads.promise
      assert.equal((await api.get(leases, name, { namespace }))?.spec?.holderIdentity, 'two')
      stops[1]!.abort()
      await second
      assert.deepEqual(order, ['one leads', 'one is done', 'two leads'])
      assert.equal((await api.get(leases, name, { namespace }))?.spec?.holderIdentity, '')
    })

    it('writes an Event, and counts it when it happens again', async () => {
      const about = await create({})
      const regarding = { ...about, apiVersion: 'v1', kind: 'ConfigMap' }
      const options = { api, controller: 'pulltrace.dev/conformance', instance: 'test', clock: systemClock }
      const recorder = new EventRecorder({ ...options, log: silentLogger })
      recorder.event(regarding, 'Warning', 'Tested', 'as it should be', 'Test')
      recorder.event(regarding, 'Warning', 'Tested', 'as it should be', 'Test')
      recorder.event(regarding, 'Warning', 'Tested', 'as it should be', 'Test')
      await recorder.close()
      const fieldSelector = `regarding.name=${nameOf(about)}`
      const { items } = await api.list(newEvents, { namespace, fieldSelector })
      made.push(...items.map(event => ({ resource: newEvents, name: nameOf(event) })))
      assert.deepEqual(
        items.map(({ type, reason, note, action, series }) => ({ type, reason, note, action, count: series?.count })),
        [{ type: 'Warning', reason: 'Tested', note: 'as it should be', action: 'Test', count: 3 }],
      )
    })
  })
}
