import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ReadContentResponse } from '../../proto/generated/containerd/services/content/v1/content.ts'
import { ListResponse } from '../../proto/generated/containerd/services/leases/v1/leases.ts'
import { type ContainerdClient, openContainerd } from './client.ts'
import { answer, type Http2Server, openHttp2Server } from './http2-server.fake.ts'
import { readMethods } from './read-methods.ts'

describe('openContainerd', () => {
  let folder: string
  let client: ContainerdClient
  let server: Http2Server
  let handle: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'pulltrace-client-'))
    const socket = path.join(folder, 'c.sock')
    server = await openHttp2Server(socket, (stream, headers) => handle(stream, headers))
    client = openContainerd(socket)
  })
  afterEach(async () => {
    client.close()
    await server.close()
    await rm(folder, { recursive: true })
  })

  describe('readBlob', () => {
    const piece = (text: string) => ReadContentResponse.encode({ offset: 0, data: Buffer.from(text) }).finish()
    const read = (maxBytes: number) => client.readBlob('k8s.io', 'sha256:ab', maxBytes)

    it('puts the pieces of a blob together', async () => {
      handle = stream => answer(stream, piece('one '), piece('two'))
      assert.equal(String(await read(7)), 'one two')
    })

    it('never hands out a part of one that is too long', async () => {
      handle = stream => answer(stream, piece('one '), piece('two'))
      assert.equal(await read(6), undefined)
    })

    it('nor when its good end comes in the same moment as what is too much', async () => {
      const whole = path.join(folder, 'whole.sock')
      // Hands on in one piece all that the server said.
      const between = createServer(near => {
        const said: Buffer[] = []
        const far = connect(path.join(folder, 'c.sock'))
        far.on('data', chunk => said.push(chunk))
        far.on('end', () => near.end(Buffer.concat(said)))
        near.pipe(far)
      }).listen(whole)
      const reader = openContainerd(whole)
      handle = stream => {
        const { session } = stream
        stream.on('close', () => session?.close())
        answer(stream, piece('one '), piece('two'))
      }
      try {
        assert.equal(await reader.readBlob('k8s.io', 'sha256:ab', 6), undefined)
      } finally {
        reader.close()
        between.close()
      }
    })
  })

  describe('leasesOf', () => {
    const lease = (id: string) => ({ id, createdAt: { seconds: 1, nanos: 0 }, labels: {} })

    it('hands out the same array while the answer is the same', async () => {
      let id = 'a'
      handle = stream => answer(stream, ListResponse.encode({ leases: [lease(id)] }).finish())
      const leases = client.leasesOf('k8s.io')
      const first = await leases()
      assert.equal(await leases(), first)
      id = 'b'
      assert.deepEqual(
        (await leases()).map(lease => lease.id),
        ['b'],
      )
    })

    it('remembers nothing in the client: a namespace that is left takes its last answer with it', async () => {
      handle = stream => answer(stream, ListResponse.encode({ leases: [lease('a')] }).finish())
      const [first, second] = [await client.leasesOf('ci')(), await client.leasesOf('ci')()]
      assert.deepEqual(first, second)
      assert.notEqual(first, second)
    })
  })

  describe('snapshot', () => {
    const ends = (status: string, message: string) => {
      handle = stream =>
        stream.respond({ ':status': 200, 'grpc-status': status, 'grpc-message': message }, { endStream: true })
    }
    const snapshot = () => client.snapshot('k8s.io', 'stargz', 'sha256:ab')

    for (const [status, message] of [
      ['5', 'snapshot sha256:ab does not exist: not found'],
      ['3', 'snapshotter not loaded: stargz: invalid argument'],
      ['14', 'connection error: dial unix /run/stargz.sock: connect: connection refused'],
    ] as const) {
      it(`is not there when containerd says '${message}'`, async () => {
        ends(status, message)
        assert.equal(await snapshot(), undefined)
      })
    }

    it('is not known when containerd itself is away', async () => {
      handle = stream => stream.session?.destroy()
      await assert.rejects(snapshot(), { code: 'unavailable' })
      ends('13', 'panic')
      await assert.rejects(snapshot(), { code: 'internal' })
    })
  })

  it('asks what it is allowed to, and nothing else', async () => {
    const asked: unknown[] = []
    handle = (stream, headers) => {
      asked.push(headers[':path'])
      stream.respond({ ':status': 200, 'grpc-status': '12' }, { endStream: true })
    }
    const digest = 'sha256:ab'
    const questions: { [K in Exclude<keyof ContainerdClient, 'close' | 'subscribe'>]: Promise<unknown> } = {
      namespaces: client.namespaces(),
      leasesOf: client.leasesOf('k8s.io')(),
      resources: client.resources('k8s.io', 'lease'),
      ingests: client.ingests('k8s.io'),
      blob: client.blob('k8s.io', digest),
      readBlob: client.readBlob('k8s.io', digest, 1),
      image: client.image('k8s.io', 'app'),
      imagesOf: client.imagesOf('k8s.io', digest),
      snapshot: client.snapshot('k8s.io', 'overlayfs', digest),
      version: client.version(),
    }
    const subscribed = new Promise<void>(resolve => client.subscribe([], () => {}, resolve))
    await Promise.all([...Object.values(questions).map(question => assert.rejects(question)), subscribed])
    assert.deepEqual(
      asked.sort(),
      Object.values(readMethods)
        .map(({ path }) => path)
        .sort(),
    )
  })
})
