/*
** embed.c -- turns Lua files into a C array of their texts
**
** usage: embed ARRAY PREFIX FILE... > out.c
** Writes 'const lfal_source ARRAY[]', each entry a module name (the path
** without PREFIX and .lua, '/' as '.'; a file elsewhere goes by its base
** name) with its text, ended by an empty entry.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static void name (const char *path, const char *prefix, char *out, size_t n) {
  size_t len = strlen(prefix);
  char *dot;
  if (strncmp(path, prefix, len) == 0)
    path += len;
  else if (strrchr(path, '/') != NULL)
    path = strrchr(path, '/') + 1;
  snprintf(out, n, "%s", path);
  dot = strrchr(out, '.');
  if (dot != NULL && strcmp(dot, ".lua") == 0)
    *dot = '\0';
  for (dot = out; *dot != '\0'; dot++)
    if (*dot == '/')
      *dot = '.';
}


int main (int argc, char **argv) {
  int i, c;
  char mod[256];
  if (argc < 3)
    return fprintf(stderr, "usage: embed ARRAY PREFIX FILE...\n"), 2;
  printf("/* made by tools/embed.c */\n#include \"sources.h\"\n\n");
  for (i = 3; i < argc; i++) {
    FILE *f = fopen(argv[i], "rb");
    long n = 0;
    if (f == NULL)
      return perror(argv[i]), 1;
    printf("static const char text%d[] = {", i);
    while ((c = getc(f)) != EOF)
      printf("%s%d,", n++ % 20 == 0 ? "\n" : "", (signed char)c);
    printf("0};\n\n");
    fclose(f);
  }
  printf("const lfal_source %s[] = {\n", argv[1]);
  for (i = 3; i < argc; i++) {
    name(argv[i], argv[2], mod, sizeof(mod));
    printf("  {\"%s\", text%d, sizeof(text%d) - 1},\n", mod, i, i);
  }
  printf("  {NULL, NULL, 0}\n};\n");
  return 0;
}
