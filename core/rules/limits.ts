/** Every bound of a rule, by name. Texts are counted in code points where nothing else is said. */
export const limits = {
  nameLength: 128,
  descriptionLength: 1024,
  tagLength: 128,
  /** Of `scope.tags`, and of `scope.exclude_tags`. */
  scopeTags: 32,
  sensorTags: 64,
  groups: 32,
  conditionsInGroup: 32,
  conditionsInRule: 256,
  pathSegments: 64,
  keyLength: 256,
  /** 2^31 - 1. */
  index: 2_147_483_647,
  wildcards: 2,
  /** Of a literal of `prefix`, `suffix` and `contains`. */
  searchLength: 4096,
  inItems: 1000,
  /** All items of an `in` as JSON. */
  inBytes: 64 * 1024,
  /** A whole rule as canonical JSON. */
  ruleBytes: 64 * 1024,
  /** Of the metadata of an event. */
  metadataPairs: 50,
  metadataKeyLength: 128,
  metadataValueLength: 1024,
  /** All pairs in UTF-8. */
  metadataBytes: 64 * 1024,
  /** Of a text that is read as a number. */
  numberLength: 256,
  /** Whole numbers up to here are exact in JSON: 2^53 - 1. */
  exactInteger: Number.MAX_SAFE_INTEGER,
  /** On one server. */
  activeRules: 10_000,
  rulesInSet: 2000,
  /** Encoded. */
  setBytes: 16 * 1024 * 1024,
  /** Above it an author is warned. */
  scoreWarning: 5000,
  /** Above it a rule is refused by the editor. */
  scoreOfRule: 50_000,
  /** Above it an author is warned: the sum of one tag set's active rules. */
  scoreOfSet: 100_000,
  /** Faults that are told of one rule: nobody mends more in one go, and a hostile rule has millions. */
  faults: 100,
} as const
