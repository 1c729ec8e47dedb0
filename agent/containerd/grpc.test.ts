import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server as NetServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type handleServerStreamingCall, type handleUnaryCall, Server, ServerCredentials, status } from '@grpc/grpc-js'
import { eventually } from '../../test/eventually.ts'
import { GrpcConnection } from './grpc.ts'
import { GrpcFailure } from './grpc-failure.ts'

/** Text as it is, so that a test says what is sent. */
const method = (path: string) => ({
  path,
  requestStream: false,
  responseStream: path.endsWith('Many'),
  requestSerialize: (text: string) => Buffer.from(text),
  requestDeserialize: (bytes: Buffer) => bytes.toString(),
  responseSerialize: (text: string) => Buffer.from(text),
  responseDeserialize: (bytes: Buffer) => bytes.toString(),
})
const service = { One: method('/test.Test/One'), Many: method('/test.Test/Many') }
const unknown = method('/test.Test/Other')
const limits = { namespace: 'k8s.io', deadlineMs: 10_000 }

const fails = (code: number, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof GrpcFailure, String(error))
  assert.deepEqual([error.code, message.test(error.message)], [code, true], error.message)
  return true
}

describe('a gRPC connection to a socket', () => {
  let folder: string
  let socket: string
  let connection: GrpcConnection<string>
  let server: Server | undefined
  let one: handleUnaryCall<string, string>
  let many: handleServerStreamingCall<string, string>

  const listen = async () => {
    server = new Server({ 'grpc.max_send_message_length': -1 })
    server.addService(service, {
      One: ((call, callback) => one(call, callback)) satisfies typeof one,
      Many: (call => many(call)) satisfies typeof many,
    })
    await new Promise<void>((resolve, reject) =>
      server!.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), error =>
        error ? reject(error) : resolve(),
      ),
    )
  }
  const stop = async () => {
    server?.forceShutdown()
    server = undefined
    await rm(socket, { force: true })
  }
  const ask = (request: string, deadlineMs = 10_000) => connection.ask(service.One, { ...limits, request, deadlineMs })

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'pulltrace-grpc-'))
    socket = path.join(folder, 'c.sock')
    connection = new GrpcConnection(socket, 1_000_000, [service.One, service.Many, unknown])
    one = ({ request }, callback) => callback(null, `${request}!`)
    many = call => call.end()
    await listen()
  })
  afterEach(async () => {
    connection.close()
    await stop()
    await rm(folder, { recursive: true, force: true })
  })

  it('asks many things at once in one namespace, with a deadline that the server knows', async () => {
    let seen: unknown[] = []
    one = (call, callback) => {
      seen = [call.metadata.get('containerd-namespace'), Number(call.getDeadline()) - Date.now() < 10_001]
      callback(null, `${call.request}!`)
    }
    const questions = Array.from({ length: 200 }, (_, i) => `question ${i}`)
    assert.deepEqual(
      await Promise.all(questions.map(text => ask(text))),
      questions.map(text => `${text}!`),
    )
    assert.deepEqual(seen, [['k8s.io'], true])
  })

  it('takes an empty answer, and one that HTTP/2 cuts into many pieces', async () => {
    one = ({ request }, callback) => callback(null, 'x'.repeat(Number(request)))
    for (const length of [0, 1, 16_379, 16_384, 999_999]) assert.equal((await ask(String(length))).length, length)
  })

  it('takes answers of a stream one by one, however they are cut', async () => {
    const wanted = Array.from({ length: 500 }, (_, i) => `${i} `.repeat(i))
    many = call => {
      for (const text of wanted) call.write(text)
      call.end()
    }
    const got: string[] = []
    await connection.call(service.Many, { ...limits, request: 'x', onAnswer: text => got.push(text) }).ended
    assert.deepEqual(got, wanted)
  })

  it('says with what status and in what words the server refused', async () => {
    one = (_, callback) => callback({ code: status.NOT_FOUND, details: 'lease "größe": not found' })
    await assert.rejects(ask('x'), fails(status.NOT_FOUND, /^lease "größe": not found$/))
  })

  it('says that the server does not know the method', async () => {
    await assert.rejects(connection.ask(unknown, { ...limits, request: 'x' }), fails(status.UNIMPLEMENTED, /Other/))
  })

  it('refuses an answer that is too long, and goes on', async () => {
    one = (_, callback) => callback(null, 'x'.repeat(1_000_001))
    await assert.rejects(ask('x'), fails(status.RESOURCE_EXHAUSTED, /1000001 bytes/))
    one = (_, callback) => callback(null, 'short')
    assert.equal(await ask('x'), 'short')
  })

  it('gives up at its deadline when whoever listens says nothing', async () => {
    await stop()
    const silent: NetServer = createServer().listen(socket)
    try {
      await assert.rejects(ask('x', 50), fails(status.DEADLINE_EXCEEDED, /50 ms/))
    } finally {
      connection.close()
      silent.close()
    }
  })

  it('ends a stream that is cancelled, and tells the server so', async () => {
    let cancelled = false
    many = call => {
      call.on('cancelled', () => (cancelled = true))
      call.write('first')
    }
    const call = connection.call(service.Many, { request: 'x', namespace: '', onAnswer: () => call.cancel() })
    await assert.rejects(call.ended, GrpcFailure)
    await eventually('the server sees that nobody listens', () => cancelled)
  })

  it('says what the kernel said of a socket that is not there, and connects once it is', async () => {
    await stop()
    await assert.rejects(ask('x'), fails(status.UNAVAILABLE, /ENOENT/))
    await listen()
    assert.equal(await ask('x'), 'x!')
  })

  it('tells every call under way that the server went, and connects to the next one', async () => {
    one = () => {}
    const call = connection.call(service.Many, { request: 'x', namespace: '', onAnswer: () => {} })
    many = () => {}
    const under = [ask('a'), ask('b'), call.ended]
    const told = Promise.all(under.map(end => assert.rejects(end, fails(status.UNAVAILABLE, /./))))
    await stop()
    await told
    one = ({ request }, callback) => callback(null, `${request} again`)
    await listen()
    assert.equal(await ask('x'), 'x again')
  })

  it('takes the answer of a server that is leaving, and asks the next one', async () => {
    const asked = Promise.withResolvers<() => void>()
    one = (_, callback) => asked.resolve(() => callback(null, 'the last'))
    const last = ask('x')
    const answer = await asked.promise
    const old = server!
    const gone = new Promise<void>(resolve => old.tryShutdown(() => resolve()))
    answer()
    assert.equal(await last, 'the last')
    await gone
    server = undefined
    await rm(socket, { force: true })
    one = (_, callback) => callback(null, 'the next')
    await listen()
    assert.equal(await ask('x'), 'the next')
  })
})
