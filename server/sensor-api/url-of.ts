import { type AddressInfo, isIPv6 } from 'node:net'

/** An address that can be called: of a listener on every address, localhost. */
export function urlOf({ address, port }: AddressInfo, tls: boolean): string {
  const name = address === '::' || address === '0.0.0.0' ? 'localhost' : isIPv6(address) ? `[${address}]` : address
  return `${tls ? 'https' : 'http'}://${name}:${port}`
}
