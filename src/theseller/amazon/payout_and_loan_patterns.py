"""Patterns of payout texts in the languages of Amazon's stores.

Payments to the seller's bank, mostly failed ones, negative balances, loans and their costs. Amazon
writes most labels in English everywhere, but these lines contain a message to the seller in the
language of the account. English is with the other labels, in `charge_type_by_label`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from theseller.amazon.charge_types import ChargeType

#: What is paid to a bank: German, French, Spanish, Italian, Portuguese, Dutch, Swedish, Polish,
#: Turkish, Japanese.
_PAYMENT = (
    "Überweisung Ueberweisung überwiesen überweisen Auszahlung ausgezahlt auszahlen"
    " virement versement virer"
    " transferencia desembolso transferir"
    " bonifico trasferimento accredito erogazione trasferire"
    " transferência repasse"
    " overboeking overschrijving uitbetaling"
    " överföring utbetalning"
    " przelew wypłat"
    " havale transfer"
    " 振込 振り込み 送金 入金 振替"
)
#: What is a payment to a bank if the text names the bank or its account too.
_PAID = (
    "Zahlung paiement pago pagamento betaling betalning płatnoś ödeme"
    " deposito depósito dépôt Einzahlung 支払"
)
_BANK = "Bank banco bancari banca banque bancaire hesap Konto cuenta compte conto 銀行 口座"
_FAILED = (
    "fehlgeschlagen fehlschlag gescheitert nichterfolgreich erfolglos abgelehnt"
    " zurückgewiesen zurueckgewiesen zurückgebucht zurueckgebucht storniert"
    " Rücküberweisung Ruecküberweisung Rückbuchung Rückläufer"
    " zurückgegeben zurückgesendet zurückgeschickt konntenicht konntennicht"
    " nichtmöglich nichtausgeführt nichtdurchgeführt abgebrochen rückgängig"
    " échec échoué refusé rejeté annulé retourné renvoyé"
    " pasété napaspu impossible nonabouti nonréussi"
    " fallid fallado fallo fallida rechazad devuelt anulad cancelad"
    " nosepud nosehapodido nopudimos nocompletad norealizad errorenla erroral error"
    " nonriuscit fallit respint rifiutat annullat restituit stornat"
    " impossibile nonandat nonèstato nonèpossibile"
    " falha falhou recusad rejeitad devolvid estornad nãofoi"
    " mislukt geweigerd afgewezen geretourneerd teruggestort geannuleerd nietgelukt konniet"
    " misslyck avvisad avbruten nekad returnerad kundeinte"
    " nieudan odrzucon niepowod zwrócon anulowan niemożna niezrealizowan niepowiodł"
    " başarısız reddedil iadeedil iptal gerçekleştirilemedi yapılamadı"
    " 失敗 エラー 不能 できません できなかった 拒否 却下 組戻 差し戻"
    " 取消 取り消 キャンセル 返戻 戻入"
)
#: Words of charges and of buyers' orders, whose payments are no payouts.
_OTHER = (
    "Gebühr Gebuehr Bestellung Käufer Erstattung Lagerbestand Gutschein Werbung"
    " frais commande acheteur remboursementclient inventaire coupon publicité"
    " tarifa comisión pedido comprador reembolsoalcliente inventario cupón publicidad"
    " commissione ordine acquirente rimborsoalcliente magazzino pubblicità"
    " taxa comissão encomenda"
    " vergoeding bestelling koper"
    " avgift beställning köpare"
    " opłat zamówien kupując"
    " ücret sipariş alıcı"
    " fee order buyer customer inventory"
    " 手数料 注文 購入者 在庫 広告 クーポン"
)
#: Such a line by itself, where the type of the transaction is translated.
_ALONE = (
    "Überweisung Auszahlung Übertrag"
    " virement versement transfert"
    " transferencia desembolso"
    " bonifico trasferimento"
    " transferência"
    " overboeking uitbetaling"
    " överföring utbetalning"
    " przelew wypłata"
    " 振込 振込み 送金"
)
_TO_ACCOUNT = (
    "Bankkonto compte-bancaire cuenta-bancaria conto-bancario conta-bancária bankrekening"
    " rachunek-bankowy banka-hesab 銀行口座"
    " aufIhrKonto survotrecompte asucuenta sulsuoconto alsuoconto"
)
_NEGATIVE = (
    r"negativ\w*(?:saldo|kontostand|guthaben|kontosaldo)|(?:saldo|kontostand)\w*negativ"
    r"|solde\w*negatif"
    r"|ujemn\w*sald"
    r"|negatif\w*bakiye"
    r"|negatie\w*saldo"
)
_NEGATIVE_JAPANESE = "マイナス残高 残高不足 負の残高"
_LOAN = (
    "Darlehen Kreditrückzahlung Kredittilgung"
    " remboursementdeprêt remboursementduprêt"
    " préstamo prestito finanziamento empréstimo lening pożyczk"
    " ローン 融資"
)
_COST_OF_LOAN = (
    "Gebühr Zins frais intérêt comisión interes commission interess taxa juros rente"
    " opłat odset 手数料 利息"
)


def payout_families(fold: Callable[[str], str]) -> tuple[tuple[ChargeType, re.Pattern[str]], ...]:
    """Return the families of these texts; the first that matches decides.

    They match labels that `fold` folded.
    """

    def any_of(words: str) -> str:
        return "|".join(fold(word) for word in words.split())

    payment = rf"(?=\w*(?:{any_of(_PAYMENT)})|(?=\w*(?:{any_of(_BANK)}))\w*(?:{any_of(_PAID)}))"
    negative = f"{_NEGATIVE}|{any_of(_NEGATIVE_JAPANESE)}"
    return (
        (
            ChargeType.OTHER_FEE,
            re.compile(rf"^(?=\w*(?:{any_of(_LOAN)}))(?=\w*(?:{any_of(_COST_OF_LOAN)}))"),
        ),
        (ChargeType.DEBT, re.compile(any_of(_LOAN))),
        (
            ChargeType.TRANSFER,
            re.compile(
                rf"^(?!\w*(?:{any_of(_OTHER)}))"
                rf"(?:(?=\w*(?:{any_of(_FAILED)})){payment}"
                rf"|(?:{any_of(_ALONE)})$"
                rf"|\w*(?:{any_of(_TO_ACCOUNT)})"
                rf"|\w*(?:{negative}))"
            ),
        ),
    )
