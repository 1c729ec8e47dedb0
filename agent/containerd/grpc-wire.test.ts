import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { constants, type ServerHttp2Stream } from 'node:http2'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { eventually } from '../../test/eventually.ts'
import { Frames } from './frames.ts'
import { GrpcConnection } from './grpc.ts'
import { GrpcFailure, grpcStatus } from './grpc-failure.ts'
import { answer, begin, finish, type Http2Server, openHttp2Server } from './http2-server.fake.ts'

const method = (name: string) => ({
  path: `/test.Test/${name}`,
  requestSerialize: (text: string) => Buffer.from(text),
  responseDeserialize: (bytes: Buffer) => bytes.toString(),
})
const one = method('One')
const many = method('Many')

const fails = (code: number, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof GrpcFailure, String(error))
  assert.deepEqual([error.code, message.test(error.message)], [code, true], error.message)
  return true
}

describe('a gRPC connection, by what goes over the wire', () => {
  let folder: string
  let connection: GrpcConnection<string>
  let server: Http2Server
  let handle: (stream: ServerHttp2Stream) => void
  const options = { request: 'x', namespace: 'k8s.io', deadlineMs: 10_000 }
  const ask = (asked = one) => connection.ask(asked, options)
  /** The next call, as the server has it. */
  const arrival = () => new Promise<ServerHttp2Stream>(resolve => (handle = resolve))

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'pulltrace-grpc-'))
    const socket = path.join(folder, 'c.sock')
    handle = stream => answer(stream, Buffer.from('well'))
    server = await openHttp2Server(socket, stream => handle(stream))
    connection = new GrpcConnection(socket, 1_000_000, [one, many])
  })
  afterEach(async () => {
    connection.close()
    await server.close()
    await rm(folder, { recursive: true })
  })

  it('gives up at its deadline, and tells a server that keeps no deadlines', async () => {
    assert.equal(await ask(), 'well')
    const arrived = arrival()
    const late = assert.rejects(
      connection.ask(one, { ...options, deadlineMs: 50 }),
      fails(grpcStatus.deadlineExceeded, /^no answer within 50 ms$/),
    )
    const stream = await arrived
    if (!stream.closed) await once(stream, 'close')
    assert.equal(stream.rstCode, constants.NGHTTP2_CANCEL)
    await late
  })

  it('says that a call ended well without an answer', async () => {
    handle = stream => answer(stream)
    await assert.rejects(ask(), fails(grpcStatus.internal, /without an answer/))
  })

  it('refuses an answer that is compressed, which it never asks for', async () => {
    handle = stream => {
      begin(stream)
      const frame = Frames.of(Buffer.from('squeezed'))
      frame[0] = 1
      stream.write(frame)
    }
    await assert.rejects(ask(), fails(grpcStatus.internal, /compressed/))
  })

  it('says with what HTTP status something that is no gRPC server answered', async () => {
    handle = stream => {
      stream.respond({ ':status': 502 })
      stream.end('<html>')
    }
    await assert.rejects(ask(), fails(grpcStatus.unavailable, /^HTTP status 502$/))
  })

  it('ends a call whose answer cannot be read, tells the server, and goes on', async () => {
    const arrived = arrival()
    const unreadable = {
      ...one,
      responseDeserialize(): string {
        throw new RangeError('the message is cut off')
      },
    }
    const refused = assert.rejects(ask(unreadable), fails(grpcStatus.internal, /^the message is cut off$/))
    const stream = await arrived
    begin(stream)
    stream.write(Frames.of(Buffer.from('x')))
    await refused
    if (!stream.closed) await once(stream, 'close')
    assert.equal(stream.rstCode, constants.NGHTTP2_CANCEL)
    handle = next => answer(next, Buffer.from('well'))
    assert.equal(await ask(), 'well')
  })

  it('rejects a question that cannot be written, and sends nothing', async () => {
    const unwritable = {
      ...one,
      requestSerialize(): Buffer {
        throw new RangeError('no such number')
      },
    }
    const call = connection.call(unwritable, { ...options, onAnswer: () => {} })
    call.cancel()
    await assert.rejects(call.ended, fails(grpcStatus.internal, /^no such number$/))
    assert.equal(server.sessions.length, 0)
  })

  it('rejects a call that Node does not even begin', async () => {
    // What it takes for a port, which throws at once.
    const nowhere = new GrpcConnection('', 1_000_000, [one])
    await assert.rejects(nowhere.call(one, { ...options, onAnswer: () => {} }).ended, fails(grpcStatus.internal, /./))
  })

  it('sends no method but those that it was given', async () => {
    const other = method('Delete')
    let calls = 0
    handle = stream => {
      calls++
      answer(stream, Buffer.from('well'))
    }
    await assert.rejects(ask(other), fails(grpcStatus.internal, /'\/test.Test\/Delete' is not a method/))
    await ask()
    assert.equal(calls, 1)
  })

  describe('with a stream that stays open on a session that the server is leaving', () => {
    let stream: ServerHttp2Stream
    let got: string[]
    let ended: Promise<void>

    beforeEach(async () => {
      got = []
      const arrived = arrival()
      ended = connection.call(many, { request: 'x', namespace: '', onAnswer: text => got.push(text) }).ended
      // Looked at by the test.
      ended.catch(() => {})
      stream = await arrived
      begin(stream)
      handle = next => answer(next, Buffer.from('well'))
      server.sessions[0]!.goaway(constants.NGHTTP2_NO_ERROR)
      stream.write(Frames.of(Buffer.from('before')))
      // It comes after the notice, so that the notice is there when this is.
      await eventually('the stream goes on', () => got.length === 1)
    })

    it('asks on a new session, and hears the stream to its end', async () => {
      assert.equal(await ask(), 'well')
      assert.equal(server.sessions.length, 2)
      finish(stream, Buffer.from('after'))
      await ended
      assert.deepEqual(got, ['before', 'after'])
    })

    it('ends both sessions when it is closed', async () => {
      assert.equal(await ask(), 'well')
      connection.close()
      await assert.rejects(ended, GrpcFailure)
      await eventually('the server sees both end', () => server.sessions.every(({ destroyed }) => destroyed))
    })
  })

  it('opens nothing for a call that comes after it was closed', async () => {
    assert.equal(await ask(), 'well')
    connection.close()
    await assert.rejects(ask(), fails(grpcStatus.cancelled, /closed/))
    assert.equal(server.sessions.length, 1)
  })
})
