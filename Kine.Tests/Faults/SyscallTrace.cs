using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Kine.Tests.Faults;

/// <summary>
/// What strace wrote about a server: appends to the write-ahead log, syncs of it, and answers on sockets, each with the lines where the
/// call began and ended. Strings are in hex (-xx), so that HTTP/2 frames can be told from each other.
/// </summary>
public sealed partial class SyscallTrace
{
    private const byte HeadersFrame = 1;
    private const byte DataFrame = 0;
    private const int FrameHeaderLength = 9;

    private readonly List<(int Begin, int End, string Name, string File, byte[] Data)> _calls = [];

    public static readonly string[] StraceArguments = ["-f", "-y", "-xx", "-s", "20000", "-e", "trace=pwrite64,pwritev,write,writev,fdatasync,fsync,sendmsg,sendto"];

    public static SyscallTrace Parse(IEnumerable<string> lines)
    {
        var trace = new SyscallTrace();
        var unfinished = new Dictionary<string, (int Line, string Text)>();
        var number = 0;
        foreach (var line in lines)
        {
            number++;
            if (Unfinished().Match(line) is { Success: true } begun)
                unfinished[begun.Groups[1].Value] = (number, begun.Groups[2].Value);
            else if (Resumed().Match(line) is { Success: true } ended && unfinished.Remove(ended.Groups[1].Value, out var open))
                trace.Add(open.Line, number, open.Text + ended.Groups[2].Value);
            else if (Whole().Match(line) is { Success: true } whole)
                trace.Add(number, number, whole.Groups[1].Value);
        }
        return trace;
    }

    /// <summary>
    /// For each marker, a value that was put: true when between the append that holds it and the next answer on a socket a sync of the log
    /// was begun and ended. The puts must have been sent one after the other.
    /// </summary>
    public IEnumerable<(string Marker, bool Synced)> Verdicts(IEnumerable<string> markers)
    {
        foreach (var marker in markers)
        {
            var bytes = Encoding.ASCII.GetBytes(marker);
            var appended = _calls.FirstOrDefault(call => IsLog(call.File) && IsWrite(call.Name) && call.Data.AsSpan().IndexOf(bytes) >= 0);
            if (appended.Name is null)
                throw new InvalidOperationException($"no append to the log holds {marker}");

            var answered = _calls.FirstOrDefault(call => call.Begin > appended.End && IsAnswer(call.File, call.Data));
            if (answered.Name is null)
                throw new InvalidOperationException($"no answer follows the append of {marker}");

            yield return (marker, _calls.Any(call => call.Name is "fdatasync" or "fsync" && IsLog(call.File)
                && call.Begin > appended.End && call.End < answered.Begin));
        }
    }

    private static bool IsLog(string file) => file.EndsWith("-wal", StringComparison.Ordinal);

    private static bool IsWrite(string name) => name is "pwrite64" or "pwritev" or "write" or "writev";

    // HEADERS or DATA; others (SETTINGS, WINDOW_UPDATE, PING) may go out at any time.
    private static bool IsAnswer(string file, byte[] data)
    {
        if (!file.StartsWith("socket:", StringComparison.Ordinal) && !file.StartsWith("TCP", StringComparison.Ordinal))
            return false;

        for (var at = 0; at + FrameHeaderLength <= data.Length;)
        {
            if (data[at + 3] is HeadersFrame or DataFrame)
                return true;

            at += FrameHeaderLength + (data[at] << 16 | data[at + 1] << 8 | data[at + 2]);
        }
        return false;
    }

    private void Add(int begin, int end, string call)
    {
        // -xx writes the name of the file in hex, too.
        if (Call().Match(call) is { Success: true } parts)
            _calls.Add((begin, end, parts.Groups[1].Value, Encoding.UTF8.GetString(Bytes(parts.Groups[2].Value)), Bytes(call[parts.Length..])));
    }

    private static byte[] Bytes(string escaped)
    {
        var bytes = new List<byte>(escaped.Length / 4);
        for (var at = escaped.IndexOf("\\x", StringComparison.Ordinal); at >= 0 && at + 4 <= escaped.Length; at = escaped.IndexOf("\\x", at + 4, StringComparison.Ordinal))
            bytes.Add(byte.Parse(escaped.AsSpan(at + 2, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture));

        return [.. bytes];
    }

    [GeneratedRegex("^([0-9]+) +(.*) <unfinished \\.\\.\\.>$")]
    private static partial Regex Unfinished();

    [GeneratedRegex("^([0-9]+) +<\\.\\.\\. [a-z0-9]+ resumed>(.*)$")]
    private static partial Regex Resumed();

    [GeneratedRegex("^[0-9]+ +(.*)$")]
    private static partial Regex Whole();

    [GeneratedRegex("^([a-z0-9]+)\\([0-9]+<([^>]*)>")]
    private static partial Regex Call();
}
