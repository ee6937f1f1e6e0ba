"""Vocabulary of seeded accounts: German persons, companies, places, and names that hosting customers use."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES = _words(
    "Anna Lena Marie Sophie Laura Julia Katharina Lea Hannah Johanna Clara Emma Mia Lina Nele Greta "
    "Frieda Ida Paula Charlotte Sabine Petra Monika Claudia Susanne Andrea Stefanie Nicole Sandra Birgit "
    "Heike Martina Kerstin Silke Lukas Jonas Leon Finn Felix Maximilian Paul Jakob Moritz Anton Emil "
    "Oskar Henri Theo Jannik Florian Tobias Sebastian Christian Michael Thomas Andreas Stefan Markus "
    "Matthias Alexander Daniel Martin Peter Jürgen Wolfgang Uwe Klaus Dieter Rainer Bernd Holger Torsten "
    "Ralf Jörg Sven Lars Jan Ole Hauke Ayşe Elif Mehmet Emre Agnieszka Piotr Olena Dmytro Giulia Luca "
    "Nguyen Sofia "
)

SURNAMES = _words(
    "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer "
    "Richter Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt "
    "Werner Krause Meier Lehmann Köhler Herrmann König Walter Mayer Huber Kaiser Fuchs Peters Lang Scholz "
    "Möller Weiß Jung Hahn Schubert Vogel Friedrich Keller Günther Frank Berger Winkler Roth Beck Lorenz "
    "Baumann Franke Albrecht Schuster Simon Ludwig Böhm Winter Kraus Martin Schumacher Krämer Vogt Stein "
    "Jäger Otto Sommer Groß Seidel Heinrich Brandt Haas Schreiber Graf Dietrich Ziegler Kuhn Kühn Pohl "
    "Engel Horn Busch Bergmann Thomas Voigt Sauer Arnold Wolff Pfeiffer Lindner Oswald Ernst Hübner "
    "Kramer Franz Beyer Wenzel Ackermann Barth Blum Brinkmann Buchholz Conrad Dittrich Ebert Eckert Esser "
    "Falk Feldmann Fiedler Frey Fritz Gebhardt Geiger Gerlach Götz Grimm Hagen Hansen Hein Henning "
    "Hermann Heuer Hinz Janssen Kessler Kirchner Kluge Knapp Kunz Lemke Lutz Marx Maurer Menzel Metzger "
    "Naumann Nowak Opitz Paulsen Petersen Rau Reich Reuter Riedel Ritter Römer Rose Ruppert Sander "
    "Schilling Schlüter Schütz Siebert Sievers Stahl Steffens Thiel Tietz Ulrich Unger Wegner Wendt Wiese "
    "Wilhelm Witt Zander Zeller "
)

TRADES = (
    "Bäckerei",
    "Tischlerei",
    "Autohaus",
    "Zahnarztpraxis",
    "Kanzlei",
    "Physiotherapie",
    "Gärtnerei",
    "Malerbetrieb",
    "Elektrotechnik",
    "Dachdeckerei",
    "Metallbau",
    "Steuerberatung",
    "Reisebüro",
    "Weingut",
    "Hotel",
    "Gasthof",
    "Pension",
    "Apotheke",
    "Optik",
    "Hörakustik",
    "Buchhandlung",
    "Fahrschule",
    "Tanzschule",
    "Musikschule",
    "Sanitär",
    "Heizungsbau",
    "Bestattungen",
    "Immobilien",
    "Hausverwaltung",
    "Versicherungen",
    "Spedition",
    "Logistik",
    "Druckerei",
    "Verlag",
    "Fotografie",
    "Architektur",
    "Ingenieurbüro",
    "Maschinenbau",
    "Werkzeugbau",
    "Kunststofftechnik",
    "Landtechnik",
    "Medizintechnik",
    "Pflegedienst",
    "Tierarztpraxis",
    "Reitstall",
    "Brauerei",
    "Kaffeerösterei",
    "Feinkost",
    "Fleischerei",
    "Fahrradladen",
    "Goldschmiede",
    "Schuhhaus",
    "Modehaus",
    "Möbelhaus",
    "Küchenstudio",
    "Raumausstattung",
    "Sportverein",
    "Stiftung",
    "Kita",
    "Akademie",
    "Gebäudereinigung",
    "Fenster",
    "Solartechnik",
    "Energieberatung",
    "Textilpflege",
)

AGENCY_WORDS = (
    "Nordlicht",
    "Pixelwerk",
    "Westfalen",
    "Klartext",
    "Leuchtturm",
    "Zweiklang",
    "Formfreund",
    "Datenwerk",
    "Weitblick",
    "Hafenstern",
    "Kreativhof",
    "Rückenwind",
    "Teamgeist",
    "Lichtblick",
    "Querdenker",
    "Wolkenlos",
    "Neuland",
    "Feinschliff",
    "Werkraum",
    "Netzwerft",
    "Sichtbar",
    "Punktgenau",
    "Blauwal",
    "Rotfuchs",
    "Silberstreif",
    "Morgenrot",
    "Steinadler",
    "Kompass",
    "Taktgeber",
    "Brückenbauer",
)

AGENCY_KINDS = (
    "Medien",
    "Werbeagentur",
    "Digital",
    "Webdesign",
    "Kommunikation",
    "Internetagentur",
    "Consulting",
    "IT",
)

LEGAL_FORMS = ("GmbH", "GmbH & Co. KG", "e. K.", "AG", "UG (haftungsbeschränkt)", "GbR", "OHG")

CITIES = (
    ("Espelkamp", "32339"),
    ("Minden", "32423"),
    ("Bielefeld", "33602"),
    ("Hannover", "30159"),
    ("Hamburg", "20095"),
    ("Berlin", "10115"),
    ("Bremen", "28195"),
    ("Köln", "50667"),
    ("Düsseldorf", "40213"),
    ("Dortmund", "44135"),
    ("Essen", "45127"),
    ("Leipzig", "04109"),
    ("Dresden", "01067"),
    ("Nürnberg", "90402"),
    ("München", "80331"),
    ("Stuttgart", "70173"),
    ("Freiburg", "79098"),
    ("Mannheim", "68159"),
    ("Frankfurt", "60311"),
    ("Mainz", "55116"),
    ("Kassel", "34117"),
    ("Erfurt", "99084"),
    ("Rostock", "18055"),
    ("Kiel", "24103"),
    ("Lübeck", "23552"),
    ("Oldenburg", "26122"),
    ("Osnabrück", "49074"),
    ("Münster", "48143"),
    ("Paderborn", "33098"),
    ("Detmold", "32756"),
    ("Herford", "32049"),
    ("Bonn", "53111"),
    ("Aachen", "52062"),
    ("Trier", "54290"),
    ("Ulm", "89073"),
    ("Regensburg", "93047"),
    ("Passau", "94032"),
    ("Wien", "1010"),
    ("Graz", "8010"),
    ("Zürich", "8001"),
)

STREETS = (
    "Hauptstraße",
    "Bahnhofstraße",
    "Gartenweg",
    "Schulstraße",
    "Dorfstraße",
    "Bergstraße",
    "Lindenallee",
    "Königsberger Straße",
    "Am Markt",
    "Mühlenweg",
    "Kirchplatz",
    "Ringstraße",
    "Industriestraße",
    "Goethestraße",
    "Schillerstraße",
    "Rosenweg",
)

TLDS = ("de", "com", "net", "shop", "eu", "info", "org", "online")

PROJECT_WORDS = ("", "", "", "", "Relaunch", "Shop", "Staging", "Blog", "Karriere", "Intranet", "Landingpage", "Archiv")

MAILBOXES = (
    "info",
    "kontakt",
    "office",
    "buchhaltung",
    "bewerbung",
    "service",
    "shop",
    "rechnung",
    "newsletter",
    "support",
    "datenschutz",
    "presse",
    "vertrieb",
    "einkauf",
    "noreply",
    "termine",
)

CRONJOBS = (
    ("TYPO3 Scheduler", "*/5 * * * *", "/html/{short}/vendor/bin/typo3", "scheduler:run"),
    ("WordPress Cron", "*/15 * * * *", "/html/{short}/wp-cron.php", ""),
    ("Newsletterversand", "0 * * * *", "/html/{short}/bin/newsletter.php", "--batch=200"),
    ("Sitemap erzeugen", "30 3 * * *", "/html/{short}/bin/console", "sitemap:generate"),
    ("Preise abgleichen", "0 2 * * *", "/html/{short}/bin/import.php", "prices"),
    ("Suchindex aufbauen", "15 4 * * 0", "/html/{short}/bin/console", "index:rebuild"),
    ("Cache leeren", "0 5 * * *", "/html/{short}/bin/console", "cache:clear"),
)

IMAGES = (
    ("redis", "redis:7-alpine", "6379/tcp", "/data"),
    ("postgres", "postgres:17", "5432/tcp", "/var/lib/postgresql/data"),
    ("meilisearch", "getmeili/meilisearch:v1.12", "7700/tcp", "/meili_data"),
    ("n8n", "n8nio/n8n:1.72.1", "5678/tcp", "/home/node/.n8n"),
    ("nginx", "nginx:1.27", "80/tcp", "/usr/share/nginx/html"),
    ("opensearch", "opensearchproject/opensearch:2", "9200/tcp", "/usr/share/opensearch/data"),
    ("mailpit", "axllent/mailpit:v1.21", "8025/tcp", "/data"),
    ("gotenberg", "gotenberg/gotenberg:8", "3000/tcp", "/var/gotenberg"),
)

CONVERSATIONS = (
    "Fehler 500 nach Update",
    "Frage zur letzten Rechnung",
    "Umzug einer Domain",
    "Zertifikat läuft ab",
    "Speicherplatz erweitern",
    "E-Mails kommen nicht an",
    "PHP-Version umstellen",
    "Backup wiederherstellen",
    "Kündigung eines Projekts",
    "SSH-Zugang für Dienstleister",
)

_TRANSLITERATION = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "ae", "Ö": "oe", "Ü": "ue", "ş": "s", "é": "e", "&": "und"}
)


def slug(text: str) -> str:
    """Text as part of a host name: lower case, no umlauts, one hyphen between words."""
    plain = text.translate(_TRANSLITERATION).lower()
    kept = "".join(character if character.isascii() and character.isalnum() else " " for character in plain)
    return "-".join(kept.split())


def company(number: int) -> str:
    """Business `number`: no two numbers give the same name or slug.

    The pairs of trade and surname are walked in a scattered order; when they are used up, a city tells them apart,
    and after the cities a number.
    """
    pairs = len(TRADES) * len(SURNAMES)
    block, rest = divmod(number, pairs)
    scattered = (rest * 6_700_417 + 1_013) % pairs
    name = f"{TRADES[scattered % len(TRADES)]} {SURNAMES[scattered // len(TRADES)]}"
    if not block:
        return name
    round_, city = divmod(block - 1, len(CITIES))
    return f"{name} {CITIES[city][0]}" + (f" {round_ + 1}" if round_ else "")
