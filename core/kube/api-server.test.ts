import { FakeApiServer } from './api-server.fake.ts'
import { describeKubeApi } from './conformance.ts'

describe('FakeApiServer', () => {
  let server: FakeApiServer

  before(async () => {
    server = await FakeApiServer.start()
  })

  after(() => server[Symbol.asyncDispose]())

  describeKubeApi(async () => server.api())
})
