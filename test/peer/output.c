/* Events: one JSON object a line on stdout, at once. */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double clock_ms(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

double monotonic_ms(void) { return clock_ms(CLOCK_MONOTONIC); }

cJSON *event_new(const char *name) {
  char t[40];
  snprintf(t, sizeof t, "%.3f", clock_ms(CLOCK_REALTIME));
  cJSON *event = cJSON_CreateObject();
  cJSON_AddRawToObject(event, "t", t);
  cJSON_AddStringToObject(event, "event", name);
  return event;
}

void event_emit(cJSON *event) {
  char *line = cJSON_PrintUnformatted(event);
  puts(line);
  fflush(stdout);
  free(line);
  cJSON_Delete(event);
}

char *hex_of(const uint8_t *data, size_t length) {
  char *text = malloc(2 * length + 1);
  for (size_t i = 0; i < length; i++) sprintf(text + 2 * i, "%02x", data[i]);
  text[2 * length] = '\0';
  return text;
}

bool hex_parse(const char *text, struct bytes *into) {
  size_t length = strlen(text) / 2;
  uint8_t *data = malloc(length + 1);
  for (size_t i = 0; i < length; i++)
    if (sscanf(text + 2 * i, "%2hhx", &data[i]) != 1) goto bad;
  if (strlen(text) % 2 || strspn(text, "0123456789abcdefABCDEF") != strlen(text)) goto bad;
  *into = (struct bytes){data, length};
  return true;
bad:
  free(data);
  return false;
}

static bool is_utf8(const uint8_t *s, size_t length) {
  for (size_t i = 0; i < length;) {
    size_t more = s[i] < 0x80 ? 0 : (s[i] & 0xe0) == 0xc0 ? 1 : (s[i] & 0xf0) == 0xe0 ? 2 : (s[i] & 0xf8) == 0xf0 ? 3 : 9;
    if (more == 9 || i + more >= length) return false;
    for (size_t k = 1; k <= more; k++)
      if ((s[i + k] & 0xc0) != 0x80) return false;
    i += more + 1;
  }
  return true;
}

/* What the other side sent must not be able to break our JSON. */
cJSON *json_text(const void *data, size_t length) {
  char *text = malloc(length + 1);
  memcpy(text, data, length);
  bool valid = is_utf8(data, length);
  for (size_t i = 0; i < length; i++)
    if (text[i] == '\0' || (!valid && (text[i] & 0x80))) text[i] = '?';
  text[length] = '\0';
  cJSON *json = cJSON_CreateString(text);
  free(text);
  return json;
}
