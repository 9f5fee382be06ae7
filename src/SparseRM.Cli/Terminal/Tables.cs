using System.Globalization;
using Spectre.Console;

namespace SparseRM.Cli.Terminal;

/// <summary>Tables and numbers for people.</summary>
internal static class Tables
{
    /// <summary>An empty table; columns whose name begins with <c>&gt;</c> are aligned right.</summary>
    public static Table Of(params ReadOnlySpan<string> columns)
    {
        var table = new Table { Border = TableBorder.Simple };
        foreach (string column in columns)
        {
            bool right = column.StartsWith('>');
            table.AddColumn(new TableColumn(Markup.Escape(right ? column[1..] : column)) { Alignment = right ? Justify.Right : Justify.Left, NoWrap = right });
        }
        return table;
    }

    /// <summary>A row of plain text: brackets in it are no markup.</summary>
    public static void Row(this Table table, params ReadOnlySpan<string> cells)
    {
        var row = new Spectre.Console.Text[cells.Length];
        for (int i = 0; i < row.Length; i++) row[i] = new Spectre.Console.Text(cells[i]);
        TableExtensions.AddRow(table, row);
    }

    /// <summary>0.9735 as <c>97.4 %</c>.</summary>
    public static string Percent(double share) => double.IsNaN(share) ? "-" : (share * 100).ToString("F1", CultureInfo.InvariantCulture) + " %";

    /// <summary>With sign and four decimals.</summary>
    public static string Signed(double value) => value.ToString("+0.0000;-0.0000;0.0000", CultureInfo.InvariantCulture);

    /// <summary>Thousands separated.</summary>
    public static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Bytes in the largest binary unit that keeps a digit before the point.</summary>
    public static string Bytes(long bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        double value = bytes;
        int unit = 0;
        for (; value >= 1024 && unit < units.Length - 1; unit++) value /= 1024;
        return value.ToString(unit == 0 ? "F0" : "F1", CultureInfo.InvariantCulture) + " " + units[unit];
    }
}
