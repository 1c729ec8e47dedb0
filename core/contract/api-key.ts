import { randomBytes } from 'node:crypto'

type Random = (bytes: number) => Buffer

/** Which secret keys are hashed with: 32 hex digits. It stands in each key and says nothing of the secret. */
export const newSecretId = (random: Random = randomBytes): string => random(16).toString('hex')

/** A sensor's key, `tk-v1-<id of its secret>-<256 random bits>`; `server/tk` reads it. */
export const newApiKey = (secretId: string, random: Random = randomBytes): string =>
  `tk-v1-${secretId}-${random(32).toString('hex')}`
