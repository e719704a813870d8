using System.Text;
using Google.Protobuf;
using Kine.Etcd;

namespace Kine.Tests.Differential;

/// <summary>
/// Range replies as text. Keys that tie in the sort target come in no fixed order, so a group of them is compared as a set; where the
/// limit cuts through such a group, any of its members may be the ones that are returned, so only their number and value are compared.
/// </summary>
public static class RangeText
{
    public static string Of(RangeRequest request, RangeResponse reply)
    {
        if (request.SortTarget == RangeRequest.Types.SortTarget.Key || request.CountOnly)
            return MessageText.Of(reply);

        var text = new StringBuilder();
        var rest = reply.Kvs.ToList();
        while (rest.Count > 0)
        {
            var value = SortValue(request, rest[0]);
            var tied = rest.TakeWhile(kv => SortValue(request, kv) == value).ToList();
            rest.RemoveRange(0, tied.Count);
            if (reply.More && rest.Count == 0)
                text.Append($" {tied.Count} cut at {value}");
            else
                text.AppendJoin("", tied.OrderBy(kv => Convert.ToHexString(kv.Key.Span), StringComparer.Ordinal).Select(kv => " " + MessageText.Of(kv)));
        }
        var frame = reply.Clone();
        frame.Kvs.Clear();
        return MessageText.Of(frame) + text;
    }

    /// <summary>Txn replies, with the ranges inside treated like those outside.</summary>
    public static string Of(TxnRequest request, TxnResponse reply)
    {
        var frame = reply.Clone();
        frame.Responses.Clear();
        var text = new StringBuilder(MessageText.Of(frame));
        var branch = reply.Succeeded ? request.Success : request.Failure;
        for (var i = 0; i < reply.Responses.Count; i++)
        {
            text.Append("\n      ");
            var response = reply.Responses[i];
            text.Append((i < branch.Count ? branch[i].RequestCase : RequestOp.RequestOneofCase.None, response.ResponseCase) switch
            {
                (RequestOp.RequestOneofCase.RequestRange, ResponseOp.ResponseOneofCase.ResponseRange)
                    => "range " + Of(branch[i].RequestRange, response.ResponseRange),
                (RequestOp.RequestOneofCase.RequestTxn, ResponseOp.ResponseOneofCase.ResponseTxn)
                    => "txn (" + Of(branch[i].RequestTxn, response.ResponseTxn) + ")",
                _ => MessageText.Of(response),
            });
        }
        return text.ToString();
    }

    private static string SortValue(RangeRequest request, KeyValue kv) => request.SortTarget switch
    {
        RangeRequest.Types.SortTarget.Version => kv.Version.ToString(),
        RangeRequest.Types.SortTarget.Create => kv.CreateRevision.ToString(),
        RangeRequest.Types.SortTarget.Mod => kv.ModRevision.ToString(),
        // With keys_only the values are gone by the time of the reply, so nothing is left to tell ties from each other.
        _ => request.KeysOnly ? "any value" : MessageText.Of(kv.Value),
    };
}
