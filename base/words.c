/* SPDX-License-Identifier: ISC */
/*
 * 240 bits as 24 words of 10 bits, most significant bit first: 29 random bytes and one that checks
 * them (the first of their BLAKE2b-256). The list is in order; the first four letters of a word
 * name it, and no two words differ in one letter only.
 */
#include <string.h>

#include "base/crypto.h"
#include "base/words.h"

#define LIST  1024u
#define PART  256u
#define BITS  10u
#define BYTES (KITH_WORDS_SECRET + 1u)

/* clang-format off */
static const char *const parts[LIST / PART] = {
	"above absent accent acid acorn action actor adapt adult advice afford again agent "
	"agree airport alarm album alive alley almost alpha already also amber amount amuse "
	"angle animal annual antler apart apple apron arch arena armor army aroma arrow artist "
	"ashes atlas atom attic aunt author autumn avoid awake award baby bacon badge baker "
	"balance ballet banana band banjo barber bargain barley barrel basic basket battery "
	"beach beaver beef before begin belief belong berry better beyond bicycle birch "
	"birthday biscuit black blade blanket bless blink bloom blue board boat boil bonus "
	"book border borrow bottle bracket brain branch bread breeze brick brief bright bring "
	"brother brown brush bucket budget buffalo bulb bundle burden business button buyer "
	"cabbage cabin cactus calm camel camp candle canoe canvas captain carbon card carpet "
	"carrot casino castle casual cause cedar ceiling cement center cereal chalk champion "
	"change charm chase cheap cheese cherry chess chief child chimney chorus church cider "
	"circle citizen city claim clap clarify clerk clever cliff clock close cloth club "
	"clump coach cobweb cocoa coffee cold collar color combine comfort common concert "
	"conduct copper core cosmic cotton couple course cousin coyote cradle craft crater "
	"cream credit crew cricket crisp crowd cruise crumb cube culture cupboard current "
	"curtain cushion cycle daily damage danger daring dawn debate decade december decorate "
	"deep defend delay deliver demand dentist deposit depth derive desert design develop "
	"device diagram diamond diary diesel digital dinner dipper dirt discover dish divide "
	"dizzy doctor domain donate donkey dose double dough dragon drama drawer drift drill "
	"drink dryer dune dust ",
	"dwarf dynamic eagle early earth east echo ecology edit educate effort either elbow "
	"elder elegant element elephant elite else embark emotion employ empty endless enemy "
	"energy engine enjoy enough entire entry envelope equip erase errand essay estate "
	"eternal every evidence evolve example excess exchange exhaust exist exotic expect "
	"explain express extra fabric face faint faith falcon family famous fancy farm fashion "
	"father favor feature february feed fellow fence fetch fever fiber field fifteen "
	"figure filter final find finish first fiscal flag flame flash flight float floor "
	"fluid flute focus folder food forest fork fortune forum foster fountain fragile fresh "
	"friday friend frog front fruit fulfil funny furnace future gadget galaxy game garage "
	"garden garment gauge general gentle genuine gesture gift giraffe girl glacier glad "
	"glance glimpse globe glory goal goose gossip govern gown grand gravity great grid "
	"grocery group guard guess guide gulf habit hair hamlet hammer hamster harbor harvest "
	"have hazel health heart helmet help herb high hiking hill history hobby hockey holy "
	"home honey horn horse hospital hotel hour huge humble humor hundred hurdle hurry "
	"husband icon idea identify igloo image imitate impact improve impulse include income "
	"index infant inform inhale input inquiry inside install intact interest invite iris "
	"island issue item ivory jaguar jazz jelly joke journey joyful juice july jump junior "
	"kangaroo karate keen kernel kettle kidney kingdom kitchen kitten kiwi knee knock know "
	"koala labor ladder lady lake language lantern laser laugh laundry lawyer leader leaf "
	"leather lecture left leisure lemon length leopard lesson level library lilac linen "
	"liquid list liter ",
	"lizard llama lobster local locker logic london long lottery lounge love luggage "
	"lumber lunar luxury lyrics machine magnet maiden mail mammal mango mansion marble "
	"margin marine marsh mask master matrix maximum meadow medal media melody member "
	"memory mention mercy merit message middle midnight milk mimic minimum minor miracle "
	"mirror mixed mobile model modify monitor month moon mosaic mosque mother mouse movie "
	"much mule muscle museum mustard mutual myself naive napkin nation navy nearby needle "
	"nerve nest network news nice nickel noble nobody noise noodle normal north nothing "
	"notice novel nurse nutmeg nylon oats obey object oboe observe obtain occur ocean "
	"october offer office often onion online onward opera opinion oppose orange orbit "
	"orchard organ orient origin ostrich otter outdoor oval owner oxygen ozone pacific "
	"package palace panda panel paper parade park party pass patrol pattern pavement "
	"peanut pear pebble pencil people pepper permit person petal photo phrase piano "
	"picture piece pigeon pine pioneer pirate pixel pizza planet plate play plenty plum "
	"pocket poem polar police pond porch portion possible powder practice praise prefer "
	"prepare present price primary prior problem process produce promise proof prosper "
	"provide public pudding pulse pumpkin pupil purchase purple puzzle quality quantum "
	"quarter question quick quiet quote rabbit raccoon radio rally random rare raven razor "
	"reason rebel recall recipe record recycle reflect region regular release rely remain "
	"remind remote renew repair repeat report rescue resist result return reunion reveal "
	"reward rhythm ribbon ride rifle rigid ritual rival river robin robot robust rookie "
	"room rooster rotate round route rubber runway rural sadness safari safe ",
	"salmon salt sample satisfy saturn sausage savory scale scarf scatter scene school "
	"science scissors scrap screen script search seat second section seek segment senior "
	"sense sentence service session seven shaft shallow share shell sheriff shield ship "
	"shiver shoe shovel shrimp shuffle siege silent silver since siren sister size skate "
	"sketch skin skirt sleep slice slim slogan smart smile smoke snack snake soap social "
	"sock soda soldier solid solution sorry soul source space spatial speak speed sphere "
	"spider spirit split sponsor sport spray spread square squirrel stable staff stage "
	"stairs stand stay steel stereo stick sting stone story street strong student stumble "
	"subject submit suburb success sudden sugar suit summer super supreme sure surface "
	"suspect sustain sweet switch symbol symptom system tackle talent tape target taste "
	"taxi team tell tenant tennis thank theme theory thing this thought thrive throne "
	"thumb ticket tiger tilt time tiny title today toddler together tomato tongue tonight "
	"tooth topic tornado total tourist toward track trade traffic travel tray trend tribe "
	"trigger trim trophy trouble true trust truth tuesday tuna tunnel turkey turtle twelve "
	"twenty twin twist typical umbrella uncle under uniform unique unit unknown unlock "
	"until unveil update upgrade upon upper upset urge usage useful utility vacant vacuum "
	"valid valve vanish various vehicle velvet venture verify version veteran viable "
	"vibrant video view village violin virtual visit vital vivid voice volume vote voyage "
	"wagon wait walnut wash water wedding welcome whale wheat when whisper white wild "
	"willow window winter wire wisdom woman wonder word wreath wrestle wrist yogurt young "
	"zebra zero zigzag zinc ",
};
/* clang-format on */

/* The word of a number; *len its length. */
static const char *word_at(unsigned number, size_t *len)
{
	const char *w = parts[number / PART];

	for (unsigned i = number % PART; i > 0; w++)
		i -= *w == ' ';
	for (*len = 0; w[*len] != ' ' && w[*len] != '\0'; (*len)++)
		;
	return w;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The number of a typed word: itself, or its first letters, four at least (a word of the list may
 * be shorter than what was typed only if it is equal). LIST: none. */
static unsigned number_of(const char *typed, size_t typed_len)
{
	const char *w;
	size_t len, i;

	for (unsigned n = 0; n < LIST; n++) {
		w = word_at(n, &len);
		if (typed_len > len || (typed_len < 4 && typed_len != len))
			continue;
		for (i = 0; i < typed_len && lower(typed[i]) == w[i]; i++)
			;
		if (i == typed_len)
			return n;
	}
	return LIST;
}

static uint8_t check_byte(const uint8_t secret[static KITH_WORDS_SECRET])
{
	uint8_t hash[32];

	kith_blake2b(hash, secret, KITH_WORDS_SECRET);
	return hash[0];
}

static void put_words(const uint8_t bytes[static BYTES], char out[static KITH_WORDS_TEXT])
{
	size_t at = 0, len;
	const char *w;
	unsigned number, bit;

	for (unsigned i = 0; i < KITH_WORDS; i++) {
		number = 0;
		for (bit = i * BITS; bit < (i + 1) * BITS; bit++)
			number = number << 1 | ((unsigned)bytes[bit / 8] >> (7 - bit % 8) & 1u);
		w = word_at(number, &len);
		memcpy(out + at, w, len);
		at += len;
		out[at++] = ' ';
	}
	out[at - 1] = '\0';
}

void kith_words_encode(const uint8_t secret[static KITH_WORDS_SECRET],
		       char out[static KITH_WORDS_TEXT])
{
	uint8_t bytes[BYTES];

	memcpy(bytes, secret, KITH_WORDS_SECRET);
	bytes[KITH_WORDS_SECRET] = check_byte(secret);
	put_words(bytes, out);
	kith_wipe(bytes, sizeof(bytes));
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

int kith_words_parse(const char *text, size_t len, char out[static KITH_WORDS_TEXT])
{
	uint8_t bytes[BYTES] = {0};
	unsigned count = 0, number, bit;
	size_t at = 0, start;
	int status = KITH_OK;

	while (status == KITH_OK) {
		while (at < len && is_space(text[at]))
			at++;
		if (at == len)
			break;
		for (start = at; at < len && !is_space(text[at]); at++)
			;
		number = count < KITH_WORDS ? number_of(text + start, at - start) : LIST;
		if (number == LIST)
			status = KITH_E_MALFORMED;
		for (bit = 0; bit < BITS && status == KITH_OK; bit++)
			if ((number >> (BITS - 1 - bit) & 1u) != 0)
				bytes[(count * BITS + bit) / 8] |=
					(uint8_t)(0x80u >> ((count * BITS + bit) % 8));
		count++;
	}
	if (status == KITH_OK &&
	    (count != KITH_WORDS || check_byte(bytes) != bytes[KITH_WORDS_SECRET]))
		status = KITH_E_MALFORMED;
	if (status == KITH_OK)
		put_words(bytes, out);
	kith_wipe(bytes, sizeof(bytes));
	return status;
}
