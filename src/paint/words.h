/*
** words.h -- what a prompt asks for, as far as a drawing can follow
**
** No grammar: words and short phrases are looked for, in English and in
** Turkish, letters folded to plain lower case first.
*/
#ifndef fal_words_h
#define fal_words_h

#include <stddef.h>
#include <stdint.h>

typedef enum subject {
  SUBJECT_NONE, SUBJECT_LAND, SUBJECT_AERIAL, SUBJECT_CITY, SUBJECT_STREET,
  SUBJECT_ROOM, SUBJECT_PRODUCT, SUBJECT_FOOD, SUBJECT_GRAPH, SUBJECT_SPACE,
  SUBJECT_ABSTRACT, SUBJECT_PORTRAIT, SUBJECT_ANIMAL, SUBJECTS
} subject;

typedef enum day_hour {
  HOUR_ANY, HOUR_DAWN, HOUR_MORNING, HOUR_NOON, HOUR_GOLDEN, HOUR_SUNSET,
  HOUR_DUSK, HOUR_NIGHT, HOURS
} day_hour;

enum {
  COLOR_RED, COLOR_ORANGE, COLOR_YELLOW, COLOR_GREEN, COLOR_TEAL, COLOR_BLUE,
  COLOR_NAVY, COLOR_PURPLE, COLOR_PINK, COLOR_BROWN, COLOR_BEIGE, COLOR_WHITE,
  COLOR_BLACK, COLOR_GRAY, COLOR_GOLD, COLOR_LIME, COLORS
};

/* What is in the picture. */
enum {
  HAS_SEA, HAS_LAKE, HAS_RIVER, HAS_BEACH, HAS_MOUNTAIN, HAS_HILL, HAS_FOREST,
  HAS_PINE, HAS_TREE, HAS_DESERT, HAS_FIELD, HAS_FLOWER, HAS_CASTLE, HAS_BOAT,
  HAS_HARBOR, HAS_HOUSE, HAS_BRIDGE, HAS_ISLAND, HAS_WATERFALL, HAS_ROAD,
  HAS_SKYLINE, HAS_MOSQUE, HAS_BALLOON, HAS_LIGHTHOUSE, HAS_BIRD, HAS_ROCK,
  HAS_FOG, HAS_RAIN, HAS_SNOW, HAS_STORM, HAS_CLOUD, HAS_CLEAR, HAS_STARS,
  HAS_MOON, HAS_SUN, HAS_GALAXY, HAS_PLANET, HAS_AURORA, HAS_OFFICE,
  HAS_LIBRARY, HAS_KITCHEN, HAS_BEDROOM, HAS_CAFE, HAS_DESK, HAS_FIRE,
  HAS_WATCH, HAS_SHOE, HAS_BOTTLE, HAS_CUP, HAS_PHONE, HAS_LAPTOP, HAS_CHAIR,
  HAS_CAR, HAS_VASE, HAS_HEADPHONES, HAS_MARBLE, HAS_WOOD, HAS_BREAKFAST,
  HAS_FOX, HAS_CAT, HAS_DOG, HAS_HORSE, HAS_DEER, HAS_OWL, HAS_ROBOT, HAS_PERSON, HAS_MAN, HAS_OLD,
  HAS_SHAPES, HAS_PAPER, HAS_COUNT
};

/* How it is done. */
enum {
  STYLE_MINIMAL, STYLE_CINEMATIC, STYLE_WATERCOLOR, STYLE_NEON, STYLE_VINTAGE,
  STYLE_NOIR, STYLE_VIVID, STYLE_PASTEL, STYLE_DARK, STYLE_BRIGHT, STYLE_COZY,
  STYLE_STUDIO, STYLE_FUTURE, STYLE_AERIAL, STYLE_COUNT
};

typedef struct words {
  subject subject;
  day_hour hour;
  unsigned char has[HAS_COUNT];
  unsigned char style[STYLE_COUNT];
  int color[3];            /* as named, in their order */
  int colors;              /* how many of them */
  uint64_t hash;           /* of the folded prompt */
  unsigned char no[HAS_COUNT];    /* what is to be kept out */
  unsigned char no_hour[HOURS];
} words;

/* Reads s[0..n), any bytes; only the first few thousand count. What 'not'
** speaks of is as if the prompt did not, and is kept out. */
void pt_words (words *w, const char *s, size_t n, const char *not,
               size_t not_n);

#endif
