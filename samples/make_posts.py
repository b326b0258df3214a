#!/usr/bin/env python3
"""Makes posts.csv and labels.csv: invented posts about an invented operator, the same bytes every time.

    make_posts.py            write both files beside this script
    make_posts.py --check    compare them with what would be written; exit code 1 when they differ

Standard library only. Every name, handle, place of service and number is made up.
"""
import json
import random
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
SEED = 20241014
ROWS = 360
BURST_ROWS = 46
COLUMNS = (
    "id,created_at,full_text,media,screen_name,name,profile_image_url,user_id,in_reply_to,retweeted_status,"
    "quoted_status,media_tags,favorite_count,retweet_count,bookmark_count,quote_count,reply_count,views_count,"
    "favorited,retweeted,bookmarked,url"
)
FIRST_DAY = datetime(2024, 10, 14, tzinfo=timezone.utc)
DAYS = 21
SUMMER_ENDS = datetime(2024, 10, 27, 1, tzinfo=timezone.utc)
BURST_BEGINS = datetime(2024, 10, 24, 18, 20, tzinfo=timezone.utc)
BURST_MINUTES = 190

# topic, sentiment, priority, text. {slots} are filled from FILL below; `en:` marks English.
NEG, NEU, POS = "negative", "neutral", "positive"
TEMPLATES = [
    # panne
    ("panne", NEG, 2, "Plus d'internet depuis {hour} à {city}, et personne ne nous explique ce qui se passe"),
    ("panne", NEG, 2, "Encore une panne générale à {city}… troisième fois ce mois-ci, c'est inadmissible"),
    ("panne", NEG, 2, "Ma box reste bloquée à l'étape {step} depuis {duration}. J'ai tout redémarré, rien n'y fait"),
    ("panne", NEG, 2, "Coupure totale dans le quartier de la {street}, je suis en télétravail et je perds ma journée"),
    ("panne", NEG, 2, "{duration} sans connexion. Ma mère de 82 ans n'a plus de téléphone ni de téléassistance, faites quelque chose !"),
    ("panne", NEG, 1, "La box redémarre toute seule quatre ou cinq fois par jour, ça devient pénible"),
    ("panne", NEG, 2, "Voyant rouge fixe, message erreur {code}, aucune connexion. Vous comptez réparer un jour ?"),
    ("panne", NEG, 2, "en:No internet in {city} since {time}, the status page says everything is fine. It is not."),
    ("panne", NEG, 2, "en:Third outage this month. I pay {euro}€ for a connection that is down every other evening"),
    ("panne", NEG, 1, "en:Router keeps rebooting every hour since your last update, please fix it"),
    ("panne", NEU, 1, "Est-ce qu'il y a un incident en cours sur {city} ?"),
    ("panne", NEU, 1, "en:Anyone else offline around {city} or is it just me?"),
    ("panne", NEU, 2, "Incident en cours sur le réseau à {city} : nos équipes sont sur place, retour à la normale prévu vers {hour}. Merci de votre patience."),
    ("panne", POS, 0, "Connexion rétablie à {city} en moins de deux heures, bravo aux équipes de nuit"),
    ("panne", POS, 0, "en:All back to normal here in {city}, thanks for the quick fix"),
    ("panne", NEG, 2, "Le réseau est tombé pendant mon examen en ligne.\nMerci Zéphyr, vraiment merci…"),
    # fibre
    ("fibre", NEG, 1, "Le technicien devait passer entre 8h et 12h, il n'est jamais venu et personne ne m'a prévenu"),
    ("fibre", NEG, 2, "Raccordement repoussé pour la {nth} fois, j'attends la fibre depuis {duration}"),
    ("fibre", NEG, 1, "Votre sous-traitant a débranché le voisin pour me raccorder. Dans l'armoire de rue c'est un plat de spaghettis"),
    ("fibre", NEU, 1, "Bonjour, mon immeuble rue de la {street} sera-t-il éligible à la fibre cette année ?"),
    ("fibre", NEU, 1, "Quel est le délai pour un rendez-vous de raccordement à {city} ?"),
    ("fibre", POS, 0, "Technicien ponctuel, propre et très sympa, la prise optique est posée en 40 minutes"),
    ("fibre", POS, 0, "Fibre installée ce matin à {city}, tout marche du premier coup. Ravi !"),
    ("fibre", POS, 0, "en:Engineer came on time, fibre is up and running. Great job {agent}!"),
    ("fibre", NEG, 1, "en:Fibre appointment cancelled an hour before, I took a day off work for nothing"),
    ("fibre", NEG, 2, "Écrasement de ligne : on a coupé ma fibre pour celle d'un autre abonné. {duration} que ça dure"),
    ("fibre", NEU, 0, "Les travaux de déploiement de la fibre commencent lundi à {city}, rue de la {street}"),
    ("fibre", NEU, 1, "Je déménage à {city} le mois prochain, faut-il une nouvelle prise optique dans le logement ?"),
    # service_client
    ("service_client", NEG, 1, "{minutes} minutes d'attente pour m'entendre dire de rappeler demain. Lamentable"),
    ("service_client", NEG, 1, "Votre conseillère m'a raccroché au nez. Bravo le service client"),
    ("service_client", NEG, 2, "Dossier {ref} ouvert depuis {duration}, toujours aucune réponse de l'assistance. Je saisis le médiateur."),
    ("service_client", NEG, 1, "Le chatbot tourne en rond, impossible de parler à un humain"),
    ("service_client", NEG, 1, "en:Nobody answers your helpline. {minutes} minutes on hold, then cut off."),
    ("service_client", NEG, 1, "en:Passed from one advisor to another five times today and still no solution"),
    ("service_client", POS, 0, "Un grand merci à {agent} du service client, problème réglé en dix minutes"),
    ("service_client", POS, 0, "Franchement, assistance au top ce soir, conseiller patient et efficace"),
    ("service_client", POS, 0, "en:Kudos to {agent} on your support team, so helpful and kind"),
    ("service_client", NEU, 1, "Comment joindre un conseiller le dimanche svp ?"),
    ("service_client", NEU, 1, "en:Is your customer service open on public holidays?"),
    ("service_client", NEU, 0, "Bonjour, nous sommes désolés pour cette attente. Envoyez-nous votre numéro de dossier en message privé, nous regardons tout de suite. {agent}"),
    ("service_client", NEU, 0, "en:Hello, sorry to hear that. Please send us a DM with your customer number and we will have a look. {agent}"),
    ("service_client", NEG, 1, "On me promet un rappel sous 48h, évidemment personne n'a appelé"),
    # debit
    ("debit", NEG, 1, "{mbps} Mb/s en fibre à {hour}, c'est une blague ?"),
    ("debit", NEG, 1, "Débit catastrophique tous les soirs, impossible de regarder une vidéo sans saccade"),
    ("debit", NEG, 1, "Le wifi 7 de la nouvelle box est plus lent que l'ancien, je suis déçue"),
    ("debit", NEG, 1, "Ping à {ping} ms en jeu depuis la mise à jour, injouable"),
    ("debit", NEG, 1, "en:Paying for a gigabit and getting {mbps} Mbps. Speed test attached {link}"),
    ("debit", NEU, 1, "Quel débit peut-on espérer en 5G box du côté de {city} ?"),
    ("debit", NEU, 1, "en:What upload speed should I expect on the Brise plan?"),
    ("debit", POS, 0, "Passé de 12 à 940 Mb/s, quel bonheur pour les téléchargements"),
    ("debit", POS, 0, "en:Latency is down to 4 ms after the upgrade, really impressed"),
    ("debit", NEG, 2, "{duration} que le débit est divisé par dix, aucun technicien, aucun geste. J'appelle la concurrence."),
    # facturation
    ("facturation", NEG, 1, "Prélevé deux fois ce mois-ci, {euro}€ de trop, et le remboursement prend \"3 semaines\""),
    ("facturation", NEG, 1, "Pourquoi ma facture passe de 29,99€ à {euro}€ sans prévenir ?"),
    ("facturation", NEG, 2, "Vous me réclamez {euro}€ pour une box rendue en mai. Prochaine étape : mon avocat."),
    ("facturation", NEG, 1, "Frais de dossier, frais de mise en service, frais de tout… stop"),
    ("facturation", NEG, 1, "en:I was charged {euro}€ for roaming inside the EU, that is simply wrong"),
    ("facturation", NEG, 1, "en:Still waiting for my refund of {euro}€, ref {ref}"),
    ("facturation", NEU, 1, "Où trouver mes factures de {month} dans l'espace client ?"),
    ("facturation", NEU, 1, "en:How do I change the bank account for the direct debit?"),
    ("facturation", POS, 0, "Remboursement reçu en deux jours, merci pour le geste commercial"),
    ("facturation", POS, 0, "en:Billing mistake corrected the same day, well done"),
    ("facturation", NEG, 1, "Augmentation de 3€ &amp; on appelle ça \"enrichir votre offre\". Se moquer du monde à ce point…"),
    # mobile
    ("mobile", NEG, 1, "Aucune barre de réseau dans tout le centre de {city}, mon forfait ne sert à rien"),
    ("mobile", NEG, 2, "Carte SIM désactivée par erreur, je suis injoignable depuis {duration} alors que je suis infirmière de garde"),
    ("mobile", NEG, 1, "Portabilité annoncée pour hier, mon numéro est toujours chez l'ancien opérateur"),
    ("mobile", NEG, 1, "en:5G indoors in {city}: one bar, drops every call"),
    ("mobile", NEU, 1, "Comment activer l'eSIM sur un deuxième téléphone ?"),
    ("mobile", NEU, 1, "en:Does the 20 GB mobile plan include roaming in Switzerland?"),
    ("mobile", NEU, 0, "Nouvelle antenne 5G allumée à {city} cette semaine, couverture étendue jusqu'à la {street}"),
    ("mobile", POS, 0, "Portabilité faite en 24h, carte SIM reçue et réseau impeccable, parfait"),
    ("mobile", POS, 0, "en:Great coverage even on the hiking trails above {city}, love it"),
    ("mobile", NEG, 1, "Mes SMS partent avec deux heures de retard, plutôt gênant pour les codes de la banque"),
    # mail
    ("mail", NEG, 2, "Webmail inaccessible depuis {duration}, j'attends des documents de mon notaire, c'est urgent !"),
    ("mail", NEG, 1, "Mes mails partent tous en spam depuis votre changement de serveur"),
    ("mail", NEG, 1, "Impossible de me connecter en IMAP, mot de passe refusé alors qu'il est bon"),
    ("mail", NEG, 1, "en:Your webmail has been painfully slow all week, half my emails never arrive"),
    ("mail", NEU, 1, "Quels sont les paramètres SMTP pour une adresse @zephyr.example ?"),
    ("mail", NEU, 1, "en:Can I keep my email address if I move abroad?"),
    ("mail", POS, 0, "La nouvelle messagerie est claire et rapide, enfin un webmail agréable"),
    # tv
    ("tv", NEG, 1, "Écran noir sur {channel} en plein match, décodeur à jeter"),
    ("tv", NEG, 1, "Le replay de {channel} plante au bout de cinq minutes à chaque fois"),
    ("tv", NEG, 1, "La télécommande ne répond plus et le son est décalé de l'image. Génial…"),
    ("tv", NEG, 1, "en:TV picture freezes every few minutes, unwatchable during the final"),
    ("tv", NEU, 1, "Sur quel numéro de canal se trouve {channel} maintenant ?"),
    ("tv", NEU, 1, "en:Will the TV app be available on older sets?"),
    ("tv", NEU, 0, "Ce soir sur {channel}, canal 112 : la finale en direct et en 4K"),
    ("tv", POS, 0, "L'image 4K sur {channel} est superbe, bon boulot"),
    ("tv", POS, 0, "en:New TV interface is so much better, finally a search that works"),
    # resiliation
    ("resiliation", NEG, 2, "Je résilie. Dix ans de fidélité et pas un geste, adieu Zéphyr"),
    ("resiliation", NEG, 2, "Si rien ne bouge d'ici vendredi je passe à la concurrence avec mes quatre lignes"),
    ("resiliation", NEG, 2, "en:Cancelling my contract today, enough is enough"),
    ("resiliation", NEG, 2, "Résiliation envoyée en recommandé il y a {duration} et vous continuez à me prélever. C'est du vol."),
    ("resiliation", NEG, 2, "en:Worst provider I ever had. Switching as soon as my term ends."),
    ("resiliation", NEU, 1, "Quelle est l'adresse pour envoyer une lettre de résiliation ?"),
    ("resiliation", NEU, 1, "en:How much notice do I need to give to terminate my plan?"),
    # livraison
    ("livraison", NEG, 1, "Box expédiée le 3, suivi bloqué depuis {duration}, où est mon colis ?"),
    ("livraison", NEG, 1, "Colis arrivé ouvert, il manque l'alimentation de la box"),
    ("livraison", NEG, 1, "en:Parcel marked as delivered but nothing here, courier never rang the bell"),
    ("livraison", NEU, 1, "Peut-on choisir un autre point relais pour la livraison du décodeur ?"),
    ("livraison", NEU, 1, "en:When will order {ref} be shipped?"),
    ("livraison", POS, 0, "Commandée lundi, reçue mardi : livraison éclair, merci !"),
    ("livraison", POS, 0, "en:Router delivered a day early, nicely packed. Thanks!"),
    # promotion
    ("promotion", NEU, 0, "Découvrez la Zéphyr Brise : fibre 2 Gb/s et wifi 7 à 24,99€/mois pendant un an {link}"),
    ("promotion", NEU, 0, "Jeu concours : tentez de gagner un an de forfait 5G, résultats le {day} ! {link}"),
    ("promotion", NEU, 0, "en:Meet Zephyr Go: 100 GB of 5G for 12.99 a month, limited offer until {day} {link}"),
    ("promotion", POS, 0, "Trois mois offerts pour les anciens abonnés, belle surprise dans mon espace client"),
    ("promotion", POS, 0, "en:Just grabbed the flash sale, half price for a year, awesome deal"),
    ("promotion", NEG, 1, "L'offre spéciale est réservée aux nouveaux clients, encore une fois les fidèles passent à la caisse"),
    ("promotion", NEU, 1, "Le code promo rentrée fonctionne aussi pour une deuxième ligne ?"),
    # autre
    ("autre", NEU, 0, "J'ai croisé une camionnette Zéphyr couverte d'autocollants licornes"),
    ("autre", NEU, 0, "Je viens de changer de photo de profil, vous en pensez quoi les amis"),
    ("autre", POS, 0, "Bon anniversaire Zéphyr, dix ans déjà &lt;3"),
    ("autre", POS, 0, "en:Your social media manager deserves a raise, that thread was hilarious"),
    ("autre", NEU, 0, "en:Watching the rain over {city} with a cup of tea"),
    ("autre", NEU, 1, "Vous recrutez des alternants à {city} ?"),
    ("autre", NEG, 0, "Votre nouvelle pub passe en boucle, quelle horreur cette musique"),
]
BURST = [
    "Panne à Vallombre ? Plus rien ne marche depuis {clock}",
    "Idem ici, plus d'internet ni de TV quartier {street}",
    "Box bloquée étape {step}, comme tout l'immeuble apparemment",
    "On est tous coupés à Vallombre, une communication peut-être ???",
    "PLUS DE RÉSEAU À VALLOMBRE DEPUIS {clock} C'EST HONTEUX",
    "Toujours en panne. La ligne d'assistance est saturée, le site ne répond pas non plus",
    "en:Internet is down all over Vallombre, mobile data barely works too",
    "en:Another evening, another outage. Vallombre has been offline since {time}",
    "Même chose rue de la {street}, coupure totale, voyant rouge",
    "Pas de connexion, pas de télé, pas de téléphone. Super soirée…",
    "Bonsoir, coupure à Vallombre depuis {clock}, vous avez un délai de rétablissement ?",
    "Erreur {code} sur la box et impossible de joindre qui que ce soit",
    "en:Down in Vallombre as well, working from home tonight, great timing",
    "Et voilà, encore une fois plus de fibre pile pendant le match. Marre de payer pour ça",
]
FILL = {
    "city": ["Vallombre", "Port-Cassis-le-Neuf", "Brumeville", "Sainte-Aube", "Montclair-sur-Loue", "Havrelune", "Roquefeuil-les-Bains", "Larchemont"],
    "street": ["République", "Gare", "Fontaine", "Vieille Halle", "Corderie", "Butte"],
    "hour": ["7h", "9h30", "14h", "18h45", "20h", "21h30"],
    "time": ["6am", "8:30am", "noon", "6pm", "7:45pm", "9pm"],
    "duration": ["3 jours", "5 jours", "une semaine", "2 semaines", "trois semaines", "un mois", "10 jours"],
    "step": ["2", "3", "4", "6"],
    "code": ["E-104", "20-AF", "S07", "E-311"],
    "euro": ["34,99", "49", "12", "87,50", "120", "19,90"],
    "minutes": ["25", "35", "45", "50", "70"],
    "mbps": ["2", "4", "7", "11", "18"],
    "ping": ["140", "220", "310"],
    "nth": ["deuxième", "troisième", "quatrième", "cinquième"],
    "ref": ["ZT-48213", "ZT-90177", "ZT-33560", "ZT-71942"],
    "agent": ["Maëlle", "Idriss", "Solène", "Tomas", "Ninon", "Ayoub"],
    "month": ["juin", "juillet", "septembre"],
    "day": ["31/10", "15/11", "30/11"],
    "channel": ["Canal Nord", "Ciné Lune", "Sport Azur", "Télé Brume"],
}
ENGLISH = "en:"
GREETING = "Bonjour @zephyr_aide, "
ENGLISH_GREETING = "Hello @zephyr_aide, "
OPENINGS = ["@zephyr_telecom ", "@zephyr_telecom ", "@zephyr_aide ", "@zephyr_telecom @zephyr_aide ", ".@zephyr_telecom ", GREETING]
TAGS = ["#zephyr", "#ZéphyrTélécom", "#telecom", "#zephyrtelecom"]
EMOJIS = {
    NEG: ["😡", "😤", "🤬", "😭", "🙄", "😒", "👎", "🤦‍♀️", "😩"],
    NEU: ["🤔", "👉", "📶", "👀"],
    POS: ["👍", "👏", "😊", "❤️", "🎉", "🚀", "🙏"],
}
FIRST = ["Aline", "Bastien", "Chloé", "Damien", "Éloïse", "Farid", "Gwenaël", "Hélène", "Inès", "Jules", "Karim", "Léonie", "Maud", "Noël", "Océane", "Pía", "Rémi", "Sacha", "Thaïs", "Ugo", "Violette", "Wassim", "Yaël", "Zoé"]
LAST = ["Arbelot", "Brisemur", "Cantegrel", "Dufournay", "Escandre", "Fontanelli", "Grandval", "Hautecombe", "Jolivard", "Lestrange", "Morvandel", "Quatrevents"]
BRAND = ("zephyr_telecom", "Zéphyr Télécom", "1000000001")
HELP = ("zephyr_aide", "Assistance Zéphyr", "1000000002")


def make():
    rng = random.Random(SEED)

    def chance(share):
        return rng.random() < share

    def pick(items):
        return items[int(rng.random() * len(items))]

    def shuffled(items):
        return [item for _, item in sorted(((rng.random(), n), item) for n, item in enumerate(items))]

    def digits(count):
        return "".join(pick("0123456789") for _ in range(count))

    def link():
        return "https://example.org/s/" + "".join(pick("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(7))

    def snowflake(moment):
        return str(((int(moment.timestamp() * 1000) - 1288834974657) << 22) | int(rng.random() * (1 << 22)))

    def author():
        first, last = pick(FIRST), pick(LAST)
        handle = f"{first}_{last[:4]}{digits(2)}".lower()
        plain = handle.translate(str.maketrans("éèëïêôîüçíà", "eeeieoiucia"))
        return plain, f"{first} {last}", "2" + digits(9)

    def fill(text, moment):
        values = {slot: pick(options) for slot, options in FILL.items()}
        values["link"] = link()
        values["clock"] = local(moment).strftime("%Hh%M")
        return text.format(**values)

    def dress(text, sentiment, spoken_by_company, english):
        if not spoken_by_company and chance(0.5):
            opening = pick(OPENINGS)
            if opening == GREETING:
                opening = ENGLISH_GREETING if english else GREETING
                text = text[0].lower() + text[1:] if text[1].islower() else text
            text = opening + text
        if not spoken_by_company and chance(0.3):
            text += " " + pick(EMOJIS[sentiment]) * (1 + int(rng.random() * 2.4))
        if chance(0.15):
            text += " " + pick(TAGS)
        if chance(0.1):
            text += " " + link()
        breaks = rng.random()
        if breaks < 0.07:
            text = text.replace(". ", ".\n").replace(", ", ",\n", 1)
        elif breaks < 0.2:
            text = text.replace(". ", ".\\n").replace(" @", "\\n@", 1)
        return text

    def count(zero_share, tail):
        return 0 if chance(zero_share) else int(tail / (0.05 + rng.random())) + 1

    def row(moment, text, who, replied="null", retweeted="null"):
        handle, name, user_id = who
        ident = snowflake(moment)
        media = "[]"
        if chance(0.12):
            picture = link().replace("/s/", "/media/")
            media = json.dumps([{"type": "photo", "url": link(), "thumbnail": picture + "?size=thumb", "original": picture}], separators=(",", ":"))
        quoted = snowflake(moment - timedelta(hours=2)) if chance(0.04) and retweeted == "null" else "null"
        views = count(0.05, 60) if not chance(0.09) else None
        return {
            "id": ident, "created_at": stamp(moment), "full_text": text, "media": media, "screen_name": handle,
            "name": name, "profile_image_url": f"https://example.org/avatars/{handle}_normal.jpg", "user_id": user_id,
            "in_reply_to": replied, "retweeted_status": retweeted, "quoted_status": quoted, "media_tags": "[]",
            "favorite_count": count(0.55, 1.2), "retweet_count": count(0.8, 0.6), "bookmark_count": count(0.9, 0.3),
            "quote_count": count(0.93, 0.2), "reply_count": count(0.4, 0.5), "views_count": views,
            "favorited": False, "retweeted": False, "bookmarked": False,
            "url": f"https://example.org/{handle}/status/{ident}",
        }

    def company_speaks(topic, text):
        if topic == "service_client" and ("DM" in text or "message privé" in text):
            return HELP
        if "nos équipes" in text or topic == "promotion" and text.startswith(("Découvrez", "Jeu", "Meet")) or text.startswith("Ce soir sur"):
            return BRAND
        return None

    hours = [1, 1, 0, 0, 0, 1, 3, 6, 8, 8, 7, 7, 8, 7, 6, 6, 7, 8, 10, 11, 11, 9, 5, 2]
    clock = [hour for hour, weight in enumerate(hours) for _ in range(weight)]

    def any_moment():
        return FIRST_DAY + timedelta(days=int(rng.random() * DAYS), hours=pick(clock) - 1, seconds=int(rng.random() * 3600))

    entries = []
    wanted = ROWS - BURST_ROWS - 28
    queue = []
    while len(entries) < wanted:
        queue = queue or shuffled(TEMPLATES)
        topic, sentiment, priority, template = queue.pop()
        text = template.removeprefix(ENGLISH)
        moment = any_moment()
        speaker = company_speaks(topic, text)
        post = dress(fill(text, moment), sentiment, speaker is not None, text != template)
        replied = snowflake(moment - timedelta(minutes=40)) if speaker == HELP or chance(0.3) else "null"
        entries.append((moment, row(moment, post, speaker or author(), replied), (sentiment, str(priority), topic)))
    queue = []
    for _ in range(BURST_ROWS):
        queue = queue or shuffled(BURST)
        moment = BURST_BEGINS + timedelta(minutes=BURST_MINUTES * rng.random() ** 1.6)
        template = queue.pop()
        text = template.removeprefix(ENGLISH)
        post = dress(fill(text, moment), NEG, False, text != template)
        entries.append((moment, row(moment, post, author()), (NEG, "2", "panne")))
    # Retweets, cut where the real ones are.
    for source in shuffled([entry for entry in entries if entry[1]["in_reply_to"] == "null"])[:16]:
        moment = source[0] + timedelta(minutes=5 + 300 * rng.random())
        text = f"RT @{source[1]['screen_name']}: {source[1]['full_text']}"
        text = text if len(text) <= 140 else text[:139] + "…"
        entries.append((moment, row(moment, text, author(), retweeted=source[1]["id"]), source[2]))
    for _ in range(2):
        moment = any_moment()
        entries.append((moment, row(moment, "", author()), ("", "", "")))
    entries.sort(key=lambda entry: (entry[0], entry[1]["id"]))
    # What an export run twice leaves behind: the same row again, and the same id with newer counters.
    again = shuffled([entry for entry in entries if entry[1]["full_text"]])
    entries += [(moment, dict(post), label) for moment, post, label in again[:5]]
    for moment, post, label in again[5:10]:
        newer = dict(post, favorite_count=post["favorite_count"] + 3, reply_count=post["reply_count"] + 1)
        entries.append((moment, newer, label))
    entries.sort(key=lambda entry: (entry[0], entry[1]["id"]))

    posts = [COLUMNS] + [",".join(cell(column, post[column]) for column in COLUMNS.split(",")) for _, post, _ in entries]
    labels = ["id,sentiment,priority,main_topic"] + [",".join((post["id"], *label)) for _, post, label in entries]
    return {
        "posts.csv": b"\xef\xbb\xbf" + ("\n".join(posts) + "\n").encode(),
        "labels.csv": ("\n".join(labels) + "\n").encode(),
    }


def local(moment):
    return moment.astimezone(timezone(timedelta(hours=2 if moment < SUMMER_ENDS else 1)))


def stamp(moment):
    there = local(moment)
    return there.strftime("%Y-%m-%d %H:%M:%S ") + ("+02:00" if moment < SUMMER_ENDS else "+01:00")


def cell(column, value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = "null" if value is None else value
    return '"' + text.replace('"', '""') + '"'


def main():
    files = make()
    if sys.argv[1:] == ["--check"]:
        stale = [name for name, content in files.items() if not (HERE / name).is_file() or (HERE / name).read_bytes() != content]
        for name in stale:
            print(f"{name} is not what make_posts.py makes", file=sys.stderr)
        return 1 if stale else 0
    if sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    for name, content in files.items():
        (HERE / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
