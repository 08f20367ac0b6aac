/* RFC names <-> CBOR keys. Names are printed without their module prefix and are read with or without it. */
#include "peer.h"

#include <cbor.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct { long key; const char *name; } table[] = {
  /* RFC 9132 §6, Table 5 */
  {1, "mitigation-scope"}, {2, "scope"}, {3, "cdid"}, {4, "cuid"}, {5, "mid"}, {6, "target-prefix"},
  {7, "target-port-range"}, {8, "lower-port"}, {9, "upper-port"}, {10, "target-protocol"}, {11, "target-fqdn"},
  {12, "target-uri"}, {13, "alias-name"}, {14, "lifetime"}, {15, "mitigation-start"}, {16, "status"},
  {17, "conflict-information"}, {18, "conflict-status"}, {19, "conflict-cause"}, {20, "retry-timer"},
  {21, "conflict-scope"}, {22, "acl-list"}, {23, "acl-name"}, {24, "acl-type"}, {25, "bytes-dropped"},
  {26, "bps-dropped"}, {27, "pkts-dropped"}, {28, "pps-dropped"}, {29, "attack-status"}, {30, "signal-config"},
  {31, "sid"}, {32, "mitigating-config"}, {33, "heartbeat-interval"}, {34, "max-value"}, {35, "min-value"},
  {36, "current-value"}, {37, "missing-hb-allowed"}, {38, "max-retransmit"}, {39, "ack-timeout"},
  {40, "ack-random-factor"}, {41, "max-value-decimal"}, {42, "min-value-decimal"}, {43, "current-value-decimal"},
  {44, "idle-config"}, {45, "trigger-mitigation"}, {46, "redirected-signal"}, {47, "alt-server"},
  {48, "alt-server-record"}, {49, "heartbeat"}, {50, "probing-rate"}, {51, "peer-hb-status"},
  /* RFC 9133 */
  {52, "activation-type"}, {53, "ietf-dots-signal-control:acl-list"},
  /* RFC 9066 §6.2 with the keys IANA gave */
  {32768, "source-prefix"}, {32769, "source-port-range"}, {32770, "source-icmp-type-range"}, {32771, "lower-type"},
  {32772, "upper-type"}, {32773, "alt-ch-client"}, {32774, "alt-ch-client-record"}, {32775, "ttl"},
};
#define KEYS (sizeof table / sizeof *table)

static bool key_of(const char *name, long *key) {
  char *end;
  if (name[0] == '#') {
    *key = strtol(name + 1, &end, 10);
    return end > name + 1 && *end == '\0';
  }
  const char *colon = strchr(name, ':');
  for (size_t i = 0; i < KEYS; i++)
    if (!strcmp(table[i].name, name)) return *key = table[i].key, true;
  for (size_t i = 0; colon && i < KEYS; i++)
    if (!strcmp(table[i].name, colon + 1)) return *key = table[i].key, true;
  return false;
}

static bool is_decimal(long key) { return key >= 41 && key <= 43; }

/* ---- JSON -> CBOR ---- */

static cbor_item_t *integer(double value) {
  uint64_t n = (uint64_t)(value < 0 ? -1 - value : value);
  cbor_item_t *item = n <= UINT8_MAX ? cbor_build_uint8(n) : n <= UINT16_MAX ? cbor_build_uint16(n)
                    : n <= UINT32_MAX ? cbor_build_uint32(n) : cbor_build_uint64(n);
  if (value < 0) cbor_mark_negint(item);
  return item;
}

static cbor_item_t *decimal64(double value) { /* tag 4 [-2, integer] */
  cbor_item_t *pair = cbor_new_definite_array(2), *tag = cbor_new_tag(4);
  (void)cbor_array_push(pair, cbor_move(integer(-2)));
  (void)cbor_array_push(pair, cbor_move(integer(round(value * 100))));
  cbor_tag_set_item(tag, cbor_move(pair));
  return tag;
}

static cbor_item_t *encode(const cJSON *json, long key, char error[200]) {
  if (is_decimal(key) && cJSON_IsNumber(json)) return decimal64(json->valuedouble);
  if (is_decimal(key) && cJSON_IsString(json)) return decimal64(atof(json->valuestring));
  if (cJSON_IsBool(json)) return cbor_build_bool(cJSON_IsTrue(json));
  if (cJSON_IsString(json)) return cbor_build_string(json->valuestring);
  if (cJSON_IsNumber(json)) {
    double value = json->valuedouble;
    return value == floor(value) && fabs(value) <= 0x1p53 ? integer(value) : cbor_build_float8(value);
  }
  if (cJSON_IsNull(json)) return cbor_new_null();

  cbor_item_t *item = cJSON_IsArray(json) ? cbor_new_definite_array(cJSON_GetArraySize(json))
                                          : cbor_new_definite_map(cJSON_GetArraySize(json));
  const cJSON *child;
  cJSON_ArrayForEach(child, json) {
    long child_key = key;
    if (cJSON_IsObject(json) && !key_of(child->string, &child_key)) {
      snprintf(error, 200, "no CBOR key for \"%.100s\"", child->string);
      goto bad;
    }
    cbor_item_t *value = encode(child, child_key, error);
    if (!value) goto bad;
    if (cJSON_IsArray(json))
      (void)cbor_array_push(item, cbor_move(value));
    else
      (void)cbor_map_add(item, (struct cbor_pair){cbor_move(integer((double)child_key)), cbor_move(value)});
  }
  return item;
bad:
  cbor_decref(&item);
  return NULL;
}

bool cbor_from_json(const cJSON *json, struct bytes *into, char error[200]) {
  cbor_item_t *item = encode(json, 0, error);
  if (!item) return false;
  unsigned char *data = NULL;
  size_t size = 0;
  into->length = cbor_serialize_alloc(item, &data, &size);
  into->data = data;
  cbor_decref(&item);
  return true;
}

/* ---- CBOR -> JSON ---- */

static cJSON *raw_number(const char *format, uint64_t value) {
  char text[32];
  snprintf(text, sizeof text, format, value);
  return cJSON_CreateRaw(text);
}

static double number(const cbor_item_t *item) {
  double magnitude = (double)cbor_get_int(item);
  return cbor_isa_negint(item) ? -1 - magnitude : magnitude;
}

static void name_of(const cbor_item_t *key, char name[64]) {
  snprintf(name, 64, "#?");
  if (cbor_isa_string(key) && cbor_string_is_definite(key))
    snprintf(name, 64, "text:%.*s", (int)cbor_string_length(key), (const char *)cbor_string_handle(key));
  if (!cbor_is_int(key)) return;
  snprintf(name, 64, "#%.0f", number(key));
  for (size_t i = 0; i < KEYS; i++)
    if (cbor_isa_uint(key) && cbor_get_int(key) == (uint64_t)table[i].key) snprintf(name, 64, "%s", table[i].name);
}

static cJSON *decode(const cbor_item_t *item);

static cJSON *decode_tag(const cbor_item_t *item) {
  cbor_item_t *content = cbor_tag_item(item);
  cJSON *json = NULL;
  if (cbor_tag_value(item) == 4 && cbor_isa_array(content) && cbor_array_size(content) == 2) {
    cbor_item_t *exponent = cbor_array_get(content, 0), *mantissa = cbor_array_get(content, 1);
    if (cbor_is_int(exponent) && cbor_is_int(mantissa)) {
      double e = number(exponent), m = number(mantissa);
      json = cJSON_CreateNumber(e < 0 ? m / pow(10, -e) : m * pow(10, e));
    }
    cbor_decref(&exponent);
    cbor_decref(&mantissa);
  }
  if (!json) {
    json = cJSON_CreateObject();
    cJSON_AddItemToObject(json, "tag", raw_number("%" PRIu64, cbor_tag_value(item)));
    cJSON_AddItemToObject(json, "value", decode(content));
  }
  cbor_decref(&content);
  return json;
}

static cJSON *decode(const cbor_item_t *item) {
  switch (cbor_typeof(item)) {
    case CBOR_TYPE_UINT: return raw_number("%" PRIu64, cbor_get_int(item));
    case CBOR_TYPE_NEGINT:
      return cbor_get_int(item) == UINT64_MAX ? cJSON_CreateRaw("-18446744073709551616")
                                              : raw_number("-%" PRIu64, cbor_get_int(item) + 1);
    case CBOR_TYPE_STRING:
      return cbor_string_is_definite(item) ? json_text(cbor_string_handle(item), cbor_string_length(item))
                                           : cJSON_CreateString("(text of indefinite length)");
    case CBOR_TYPE_BYTESTRING: {
      if (!cbor_bytestring_is_definite(item)) return cJSON_CreateString("(bytes of indefinite length)");
      char *hex = hex_of(cbor_bytestring_handle(item), cbor_bytestring_length(item));
      cJSON *json = cJSON_CreateObject();
      cJSON_AddStringToObject(json, "hex", hex);
      free(hex);
      return json;
    }
    case CBOR_TYPE_ARRAY: {
      cJSON *json = cJSON_CreateArray();
      for (size_t i = 0; i < cbor_array_size(item); i++)
        cJSON_AddItemToArray(json, decode(cbor_array_handle(item)[i]));
      return json;
    }
    case CBOR_TYPE_MAP: {
      cJSON *json = cJSON_CreateObject();
      for (size_t i = 0; i < cbor_map_size(item); i++) {
        char name[64];
        name_of(cbor_map_handle(item)[i].key, name);
        cJSON_AddItemToObject(json, name, decode(cbor_map_handle(item)[i].value));
      }
      return json;
    }
    case CBOR_TYPE_TAG: return decode_tag(item);
    case CBOR_TYPE_FLOAT_CTRL:
      if (!cbor_float_ctrl_is_ctrl(item)) return cJSON_CreateNumber(cbor_float_get_float(item));
      return cbor_is_bool(item) ? cJSON_CreateBool(cbor_get_bool(item)) : cJSON_CreateNull();
  }
  return cJSON_CreateNull();
}

cJSON *json_from_cbor(const uint8_t *data, size_t length) {
  struct cbor_load_result result;
  cbor_item_t *item = cbor_load(data, length, &result);
  if (!item) return NULL;
  cJSON *json = result.read == length ? decode(item) : NULL;
  cbor_decref(&item);
  return json;
}
