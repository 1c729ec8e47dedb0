import type { Clock } from '../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import type { Logger } from '../../core/lib/log.ts'
import type { ApiKey, KeysStore } from '../store/keys-store.ts'
import { openSecrets } from '../tk/secrets.ts'
import type { SensorApiConfig } from './config.ts'
import type { Authenticator } from './grpc/gate.ts'
import { KeyRing } from './keys/authenticate.ts'
import { registerBootstrapKey } from './keys/bootstrap.ts'

const tryEveryMs = 1000

/**
 * The keys need the database, which may not be usable yet: a disk that is full, a tool that holds it. The service then
 * listens all the same and says that it is not ready, rather than to be started again and again.
 */
export class KeysAtStart implements Authenticator {
  readonly #config: Pick<SensorApiConfig, 'secrets' | 'bootstrapKeyFile'>
  readonly #store: KeysStore
  readonly #clock: Clock
  readonly #log: Logger
  #ring: KeyRing | undefined

  constructor(
    config: Pick<SensorApiConfig, 'secrets' | 'bootstrapKeyFile'>,
    store: KeysStore,
    clock: Clock,
    log: Logger,
  ) {
    this.#config = config
    this.#store = store
    this.#clock = clock
    this.#log = log
  }

  async authenticate(key: string | undefined): Promise<ApiKey> {
    if (this.#ring !== undefined) return this.#ring.authenticate(key)
    throw new PulltraceError(Code.Unavailable, 'tk-sensor-api is starting', { retryAfterSeconds: 1 })
  }

  /** False when the database cannot be used now. @throws Code.Invalid for a key file that holds no key. */
  async open(): Promise<boolean> {
    const { secrets: given, bootstrapKeyFile: file } = this.#config
    try {
      const secrets = await openSecrets(given, this.#store, this.#log)
      if (file !== undefined) await registerBootstrapKey({ file, secrets, store: this.#store, log: this.#log })
      this.#ring = new KeyRing({ secrets, store: this.#store, clock: this.#clock })
      return true
    } catch (reason) {
      const { code } = PulltraceError.from(reason)
      if (code === Code.Unavailable || code === Code.Exhausted) return false
      throw reason
    }
  }

  /** Tries again every second, until it is open or aborted. */
  async openLater(opened: () => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // The only rejection is the abort itself.
      await this.#clock.sleep(tryEveryMs, signal).catch(() => {})
      const open = await this.open().catch(error => this.#log.error('keys not opened', { error }))
      if (open) return opened()
    }
  }
}
