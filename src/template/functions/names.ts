/** Names of all functions (all.ts), for who only checks a text: the functions themselves take long to load. */
export const FUNCTION_NAMES: ReadonlySet<string> = new Set(
  `
  add base64Decode base64Encode base64URLDecode base64URLEncode byKey byMeta byPort byTag caLeaf caRoots connect contains containsAll
  containsAny containsNone containsNotAll datacenters divide env envOrDefault executeTemplate explode explodeMap exportedServices file
  hmacSHA256Hex importedServices in indent join key keyExists keyExistsGet keyOrDefault loop ls maximum md5sum mergeMap
  mergeMapWithOverride minimum modulo multiply mustEnv node nodes nomadService nomadServices nomadVar nomadVarExists nomadVarList
  nomadVarListSafe parseBool parseFloat parseInt parseJSON parseUint parseYAML partitions peerings pkiCert plugin regexMatch
  regexReplaceAll replaceAll safeLs safeTree scratch secret secrets service services sha1Hex sha256Hex sockaddr split splitToMap
  sprig_abbrev sprig_add sprig_add1 sprig_add1f sprig_addf sprig_adler32sum sprig_all sprig_any sprig_append sprig_atoi sprig_b32dec
  sprig_b32enc sprig_b64dec sprig_b64enc sprig_base sprig_biggest sprig_camelcase sprig_cat sprig_ceil sprig_chunk sprig_clean
  sprig_coalesce sprig_compact sprig_concat sprig_contains sprig_deepCopy sprig_deepEqual sprig_default sprig_dict sprig_dig sprig_dir
  sprig_div sprig_divf sprig_duration sprig_durationRound sprig_empty sprig_ext sprig_fail sprig_first sprig_float64 sprig_floor
  sprig_fromJson sprig_get sprig_has sprig_hasKey sprig_hasPrefix sprig_hasSuffix sprig_hello sprig_indent sprig_initial
  sprig_initials sprig_int sprig_int64 sprig_isAbs sprig_join sprig_kebabcase sprig_keys sprig_kindIs sprig_kindOf sprig_last
  sprig_list sprig_lower sprig_max sprig_maxf sprig_merge sprig_mergeOverwrite sprig_min sprig_minf sprig_mod sprig_mul sprig_mulf
  sprig_mustAppend sprig_mustChunk sprig_mustCompact sprig_mustDeepCopy sprig_mustFirst sprig_mustFromJson sprig_mustHas
  sprig_mustInitial sprig_mustLast sprig_mustMerge sprig_mustMergeOverwrite sprig_mustPrepend sprig_mustPush sprig_mustRegexFind
  sprig_mustRegexFindAll sprig_mustRegexMatch sprig_mustRegexReplaceAll sprig_mustRegexReplaceAllLiteral sprig_mustRegexSplit
  sprig_mustRest sprig_mustReverse sprig_mustSlice sprig_mustToJson sprig_mustToPrettyJson sprig_mustToRawJson sprig_mustUniq
  sprig_mustWithout sprig_nindent sprig_nospace sprig_omit sprig_osBase sprig_osClean sprig_osDir sprig_osExt sprig_osIsAbs sprig_pick
  sprig_pluck sprig_plural sprig_prepend sprig_push sprig_quote sprig_regexFind sprig_regexFindAll sprig_regexMatch
  sprig_regexQuoteMeta sprig_regexReplaceAll sprig_regexReplaceAllLiteral sprig_regexSplit sprig_repeat sprig_replace sprig_rest
  sprig_reverse sprig_round sprig_seq sprig_set sprig_sha1sum sprig_sha256sum sprig_sha512sum sprig_slice sprig_snakecase
  sprig_sortAlpha sprig_split sprig_splitList sprig_splitn sprig_squote sprig_sub sprig_subf sprig_substr sprig_swapcase sprig_ternary
  sprig_title sprig_toDecimal sprig_toJson sprig_toPrettyJson sprig_toRawJson sprig_toString sprig_toStrings sprig_trim sprig_trimAll
  sprig_trimPrefix sprig_trimSuffix sprig_trimall sprig_trunc sprig_tuple sprig_typeIs sprig_typeIsLike sprig_typeOf sprig_uniq
  sprig_unixEpoch sprig_unset sprig_until sprig_untilStep sprig_untitle sprig_upper sprig_values sprig_without sprig_wrap
  sprig_wrapWith subtract timestamp toJSON toJSONPretty toLower toTOML toTitle toUnescapedJSON toUnescapedJSONPretty toUpper toYAML
  tree trim trimPrefix trimSpace trimSuffix writeToFile
  `
    .trim()
    .split(/\s+/),
);
