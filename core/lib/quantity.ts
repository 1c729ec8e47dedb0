const factorOf: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}

/** What a Kubernetes quantity may look like here: no sign and no exponent, as nobody writes a size so. */
export const quantityPattern = '^[0-9]{1,15}(\\.[0-9]{1,9})?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$'
const quantity = new RegExp(quantityPattern)

/**
 * The number a Kubernetes quantity stands for (`64Mi`: 67108864, `10m`: 0.01), or undefined when the text is none.
 * Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export function parseQuantity(text: string): number | undefined {
  const match = quantity.exec(text)
  if (!match) return undefined
  const suffix = match[2] ?? ''
  return Number(suffix === '' ? text : text.slice(0, -suffix.length)) * factorOf[suffix]!
}

/** Whether two quantities are the same amount, however written. A text that is none is the same as itself only. */
export function isSameQuantity(one: string, other: string): boolean {
  const amount = parseQuantity(one)
  return one === other || (amount !== undefined && amount === parseQuantity(other))
}
